"""The Waker: looks whether workflows that wait can go on.

    Acker ── ended children's parents, the suspended ──▶ pending ──▶ Store.wake (one call a batch)
    NOTIFY ── a signal was sent, an event emitted ────────┘

Rules: no wakeup is lost, since both sides write, commit, and then look: whoever sends a signal or
ends a child says so after its commit, and whoever suspends a workflow looks after that is written.
Nothing here is the truth: to look in vain changes nothing, and what this node forgets (it dies, the
database is away for long, too many are to be looked at) is found by the leader's Sweeper.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from uuid import UUID

import attrs
import trio

from actors import events
from actors.kit.life import Life
from actors.retry import Retry
from actors.store.errors import DatabaseError
from actors.store.protocol import Store
from runtime.errors import StoreUnavailable

# Workflows in one call.
MAX_BATCH = 500
# Workflows, and events, that may wait to be looked at; the Sweeper finds the others.
MOST_PENDING = 20_000
MOST_EVENTS = 1_000
# A look that is not answered in this time went to a connection that is dead.
ANSWER_SECONDS = 10.0
# How long a node that stops may still look, in seconds.
FLUSH_SECONDS = 1.0

EVENT = "event:"


@attrs.define(eq=False)
class Waker:
    """See the module's docstring. The supervisor runs `run`."""

    store: Store
    observe: events.Observer = events.ignore
    _jobs: dict[UUID, None] = attrs.field(factory=dict, init=False)
    _events: dict[str, None] = attrs.field(factory=dict, init=False)
    _arrived: trio.Event = attrs.field(factory=trio.Event, init=False)
    _retry: Retry = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._retry = Retry("waker", self.observe)

    def look_at(self, jobs: Iterable[UUID]) -> None:
        """These may go on. Never waits."""
        for job_id in jobs:
            if len(self._jobs) >= MOST_PENDING:
                break
            self._jobs[job_id] = None
        self._arrived.set()

    def hear(self, payload: str) -> None:
        """A notification of the topic "wake" arrived: a job's id, or "event:" and its name."""
        if payload.startswith(EVENT):
            if len(self._events) < MOST_EVENTS:
                self._events[payload.removeprefix(EVENT)] = None
                self._arrived.set()
            return
        with contextlib.suppress(ValueError):  # whoever may connect may notify
            self.look_at([UUID(payload)])

    async def run(self, life: Life) -> None:
        """Look until asked to stop, and then a little longer."""
        life.started()
        while not life.stopping:
            self._arrived = trio.Event()
            if self._jobs or self._events:
                await self._look(life)
            else:
                with life.stop_scope():
                    await self._arrived.wait()
        with trio.move_on_after(FLUSH_SECONDS):
            while self._jobs and await self._look(life):
                continue

    async def _look(self, life: Life) -> bool:
        """Whether the database answered."""
        jobs, names = list(islice(self._jobs, MAX_BATCH)), list(islice(self._events, 1))
        for job_id in jobs:
            del self._jobs[job_id]
        for name in names:
            del self._events[name]
        try:
            if jobs:
                self._tell(await self._ask(lambda: self.store.wake(jobs)))
            for name in names:
                await self._wake_all(name)
        except (StoreUnavailable, DatabaseError) as error:
            self._jobs = dict.fromkeys([*jobs, *self._jobs])
            self._events = dict.fromkeys([*names, *self._events])
            with life.stop_scope():
                await self._retry.after(StoreUnavailable(str(error)))
            return False
        self._retry.succeeded()
        return True

    async def _wake_all(self, name: str) -> None:
        """All that wait for an event: a statement wakes so many, until there are no more."""
        try:
            while woken := await self._ask(lambda: self.store.wake_event(name)):
                self._tell(woken)
        except DatabaseError as error:  # no event has such a name
            self.observe(events.WakeRefused(name, str(error)))

    async def _ask(self, ask: Callable[[], Awaitable[int]]) -> int:
        with trio.move_on_after(ANSWER_SECONDS):
            return await ask()
        raise StoreUnavailable(f"a look was not answered within {ANSWER_SECONDS:g} s")

    def _tell(self, woken: int) -> None:
        if woken:
            self.observe(events.Woken(woken))
