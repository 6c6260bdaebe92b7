"""One run of a workflow, as all its strands share it: what it asks, and what is recorded.

    strand ─▶ ask ─▶ Asked, by the child's desk ─▶ a ticket, for which the context's driver waits

Rule: safe for the threads of a gather.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Protocol
from uuid import UUID

from runtime import payload, wire
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import PayloadError, PayloadTooLarge, RunStopped
from runtime.handler_options import DEFAULT_NAMESPACE
from runtime.workflow.failures import RunLost, WorkflowChanged
from runtime.workflow.flow import Flow, Wait
from runtime.workflow.history import Past
from runtime.workflow.inputs import WARN_BYTES
from runtime.workflow.records import Answer, Ask, History, Recall, Refused
from runtime.workflow.suspend import suspend_in

logger = logging.getLogger("headrace")

# A run that is not let do something now is run again so much later.
_LATER_SECONDS = 10.0


class Asking(Protocol):
    """What a session needs of its child's desk."""

    @property
    def stored_limit(self) -> int: ...

    def stop_reason(self, seq: int, /) -> str | None: ...

    def paused(self, seq: int, /) -> bool: ...

    def ask(self, frame: wire.Asked) -> Any:
        """Send it; returns a ticket, for which the context's driver waits."""


class Session:
    """See the module's docstring. `frame`: the run."""

    def __init__(
        self,
        frame: wire.Run,
        desk: Asking,
        sealer: Sealer = PLAIN,
        namespace: str = DEFAULT_NAMESPACE,
        *,
        clean_up: bool = False,
    ) -> None:
        self.frame = frame
        self.namespace = namespace
        self.clean_up = clean_up  # see runtime.workflow.cancelling
        self.id = UUID(bytes=frame.id)
        self.kind = frame.kind
        self.desk = desk
        self.past = Past()
        self.broken: BaseException | None = None  # every operation raises it
        self._sealer = sealer
        self._recalled = frame.run_number <= 1  # a first run has no past
        self._number = 0
        self._over = False
        self._lock = threading.Lock()
        self._ahead = 0.0  # the database's clock, seconds since 1970, less time.monotonic()

    # --- asks -------------------------------------------------------------------------------------

    def ask(self, ask: Ask) -> Any:
        """Send it. Returns its ticket. Raises: RunStopped, in what has outlived its run."""
        with self._lock:
            if self._over:
                raise RunStopped("the run has ended; its context is of no more use")
            self._number += 1
            return self.desk.ask(wire.Asked(self.frame.seq, self._number, ask))

    def close(self) -> None:
        """The run has ended: nothing more is asked."""
        with self._lock:
            self._over = True

    def checked(self, answer: Answer) -> Answer:
        """An answer that is no refusal. Raises: RunLost, PayloadError."""
        if isinstance(answer, Refused):
            if answer.kind == "lost":
                self.broken = RunLost(answer.message)
                raise self.broken
            if answer.kind == "later":
                raise suspend_in(_LATER_SECONDS)
            raise PayloadError(answer.message)
        now = getattr(answer, "now", 0.0)
        if now:
            self._ahead = now - time.monotonic()
        return answer

    # --- what is recorded -------------------------------------------------------------------------

    def recall(self) -> Flow[None]:
        """Have the history here."""
        after: str | None = None
        while not self._recalled:
            page = self.checked((yield Wait(self.ask(Recall(after)))))
            assert isinstance(page, History)
            self.past.add(page)
            self._recalled = not page.more
            if page.steps:
                after = page.steps[-1].place

    @property
    def may_wait(self) -> bool:
        """Whether anything is open, as far as is known."""
        return not self._recalled or self.past.waits

    def seed(self, place: str) -> str:
        """The place, as ids and dice are made of it: not the same once the job began anew."""
        began_anew = self.past.began_anew
        return f"{place}~{began_anew}" if began_anew else place

    @property
    def paused(self) -> bool:
        """Whether this run ends here, for its job is held back."""
        return self.desk.paused(self.frame.seq)

    @property
    def interrupted(self) -> bool:
        """Whether this run ends, and the next one is told that its job does."""
        return self.clean_up and self.desk.stop_reason(self.frame.seq) in ("cancel", "expired")

    def check(self) -> None:
        """Raises: what has ended this run for good."""
        if self.broken is not None:
            raise self.broken

    def changed(self, error: WorkflowChanged) -> WorkflowChanged:
        """From now on every operation raises it."""
        self.broken = error
        return error

    def hear_time(self) -> Flow[float]:
        """Seconds since 1970, by the database's clock: asked for, if no answer has told it yet."""
        if not self._ahead:
            self.checked((yield Wait(self.ask(Recall()))))
        return self.now()

    def now(self) -> float:
        """Seconds since 1970, by the database's clock as far as it is known."""
        return time.monotonic() + self._ahead if self._ahead else time.time()

    # --- values -----------------------------------------------------------------------------------

    def written(self, what: str, value: object) -> str | None:
        """A value as JSON text; None for None. Raises: PayloadInvalid, PayloadTooLarge."""
        return None if value is None else self.measured(what, payload.encode(what, value))

    def measured(self, what: str, text: str) -> str:
        """JSON text that is not too large. Raises: PayloadTooLarge."""
        limit = self.desk.stored_limit
        if len(text) * 4 > min(limit, WARN_BYTES):
            size = payload.byte_size(text)
            if size > limit:
                raise PayloadTooLarge(what, size, limit)
            if size >= WARN_BYTES:
                logger.warning("%s is %d bytes of JSON", what, size)
        return text

    def sealed(self, text: str | None) -> str | None:
        """As it is stored with a step: readable in any job of the kind, for a fork's sake."""
        return None if text is None else self._sealer.seal("step", text, self.kind, None)

    def opened(self, text: str | None) -> str | None:
        """As it was before it was stored. Raises: CodecError."""
        return None if text is None else self._sealer.unseal("step", text, self.kind, self.id)

    def sealed_args(self, text: str) -> str:
        """The job's own args."""
        return self._sealer.seal("args", text, self.kind, self.id)

    def opened_signal(self, text: str) -> str:
        """A signal's value. Raises: CodecError."""
        return self._sealer.unseal("signal", text, "", self.id)

    def opened_event(self, text: str) -> str:
        """An event's value. Raises: CodecError."""
        return self._sealer.unseal("event", text, "", self.id)
