"""A step whose effects in the jobs' own database happen exactly once: see `Context.transaction`.

    begin ─▶ function ─▶ the step's record, on the same connection ─▶ commit

Rules: what was lazily recorded is recorded before. Where it is unknown whether the commit took
place, or another transaction was in its way, the run ends, and the next one looks. What the
database refuses for its content, be it at the commit, has failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime.errors import JobLost, UsageError
from runtime.handler_options import check_name
from runtime.outcome import Verdict
from runtime.workflow.failures import RunLost, StepFailed
from runtime.workflow.flow import Call, Flow
from runtime.workflow.spot import Spot
from runtime.workflow.steps import Step, error_of
from runtime.workflow.strand import Strand
from runtime.workflow.values import reader_of

# To look again whether a commit took place, once the database answers.
_LOOK_AGAIN_SECONDS = 1.0


class Transaction:
    """One call of it. Raises: UsageError."""

    def __init__(
        self,
        name: str,
        conn: Any,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> None:
        self._step = Step(check_name("a transaction's name", name), function, (conn, *args), kwargs)
        self._conn = conn
        self._call = self._step.call
        self._read = reader_of(function)
        self._in_doubt = False

    def __call__(self, strand: Strand) -> Flow[Any]:
        """Its flow. Raises: StepFailed; UsageError, for a connection that cannot be."""
        from runtime.client import stepping

        spot = yield from strand.enter("transaction", self._step.name)
        if spot.seen is not None:
            return self._step.replayed(strand, spot.seen)
        yield from strand.settle()
        way = self._async if stepping.is_async(self._conn) else self._plain
        try:
            self._step.check(f"input of transaction {self._step.name!r}", strand)
            return (yield Call(way, (strand, spot)))
        except JobLost as lost:
            raise RunLost(str(lost)) from lost
        except (Verdict, _Misused):
            raise
        except Exception as error:
            if self._in_doubt and not stepping.is_refused(error):
                raise strand.suspend(seconds=_LOOK_AGAIN_SECONDS) from error
            told = error_of(error)
            strand.put(spot.record(error=told))
            raise StepFailed(self._step.name, told.error_class, told.message) from error

    def _plain(self, strand: Strand, spot: Spot) -> Any:
        from runtime.client import stepping

        call, began = self._call, time.monotonic()
        with _begun(stepping.transaction, self._conn):
            value, stored = self._kept(strand, call.function(*call.args, **call.kwargs))
            self._in_doubt = True
            stepping.record(self._conn, self._own(strand, spot, stored, began))
        return value

    async def _async(self, strand: Strand, spot: Spot) -> Any:
        from runtime.client import stepping

        call, began = self._call, time.monotonic()
        async with _begun(stepping.async_transaction, self._conn):
            value, stored = self._kept(strand, await call.function(*call.args, **call.kwargs))
            self._in_doubt = True
            await stepping.record_async(self._conn, self._own(strand, spot, stored, began))
        return value

    def _kept(self, strand: Strand, value: Any) -> tuple[Any, str | None]:
        session = strand.session
        text = session.written(f"output of transaction {self._step.name!r}", value)
        return self._read(text), session.sealed(text)

    def _own(self, strand: Strand, spot: Spot, stored: str | None, began: float) -> Any:
        from runtime.client.stepping import OwnStep

        session = strand.session
        return OwnStep(
            session.namespace,
            session.id,
            session.frame.run_number,
            spot.place,
            spot.name,
            stored,
            time.monotonic() - began,
        )


class _Misused(UsageError):
    """The connection cannot be: it is the code's fault, and nothing was done."""


def _begun(begin: Callable[[Any], Any], conn: Any) -> Any:
    try:
        return begin(conn)
    except UsageError as error:
        raise _Misused(str(error)) from None
