"""The QueueWatch: what people have set for queues, as a node should know it.

    hint, poll ──▶ Store.served ──▶ LimitBook: which queues are limited
                                └─▶ DemandBook: queues added to this node, or removed

Rules: it is a part of the Distributor and runs with it. A hint is a notification of the topic
"control"; behind it stands the poll. What was assigned holds until this process ends, also under
the new id of a node whose lease was lost. That the database is away, the Distributor tells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from actors.demand import DemandBook
from actors.kit.life import Life
from actors.lease import Lease, LeaseLost
from actors.limit_book import LimitBook
from actors.retry import ANSWER_SECONDS
from actors.rounds import Rounds
from actors.store.protocol import Served, Store
from runtime.config.queues import ANY_QUEUE, QueueLimit


@attrs.define
class QueueWatch:
    """See the module's docstring.

    Attributes: changed: called when there is news. on_queues: called with the names of all that is
    served now, when that has changed.
    """

    store: Store
    lease: Lease
    started_with: Sequence[QueueLimit]
    book: DemandBook
    limits: LimitBook
    changed: Callable[[], None]
    seconds: float
    on_queues: Callable[[Sequence[str]], None] = lambda names: None
    _assigned: dict[str, QueueLimit | None] = attrs.field(factory=dict, init=False)
    _rounds: Rounds[Served | None] | None = attrs.field(default=None, init=False)

    def look(self) -> None:
        """Something was set: look soon."""
        if self._rounds is not None:
            self._rounds.wake()

    async def run(self, life: Life) -> None:
        """Look now and then until asked to stop."""
        self._rounds = Rounds(
            life,
            "queues",
            self._ask,
            seconds=self.seconds,
            jitter=0.1,
            answer_seconds=ANSWER_SECONDS,
        )
        async for served in self._rounds:
            if served is not None:
                self._learn(served)

    async def _ask(self) -> Served | None:
        if not self.lease.held:
            return None
        try:
            return await self.store.served(self.lease.node_id, any_queue=self.book.serves_any)
        except LeaseLost:
            return None

    def _learn(self, served: Served) -> None:
        news = self.limits.learn(served.limited)
        assigned = self._assigned | {
            name: None if raw is None else _queue(name, raw)
            for name, raw in served.assigned.items()
        }
        if assigned != self._assigned:
            self._assigned = assigned
            self._serve()
            news = True
        before = len(self.book.served)
        self.book.find(served.waiting)
        if news or len(self.book.served) > before:
            self.book.wake()
            self.changed()

    def _serve(self) -> None:
        kept = [each for each in self.started_with if each.name not in self._assigned]
        added = [each for each in self._assigned.values() if each is not None]
        self.book.serve([*kept, *added])
        self.book.leave_out(name for name, each in self._assigned.items() if each is None)
        star = [ANY_QUEUE] if self.book.serves_any else []
        self.on_queues([*(each.name for each in self.book.served), *star])


def _queue(name: str, raw: str) -> QueueLimit:
    """As it was written; what cannot be read, as a queue without more."""
    try:
        found = QueueLimit.parse(raw)
    except ValueError:
        return QueueLimit(name)
    return found if found.name == name else QueueLimit(name)
