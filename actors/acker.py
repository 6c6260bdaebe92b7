"""The Acker: writes outcomes in batches, as fast as the database takes them.

    Workers ── settled runs ──▶ pending ──▶ decide ──▶ Store.ack (one statement a batch)

Rules: whatever has arrived when the last write is done makes the next batch. Outcomes of a child
that has more to run wait up to 25 ms for others, for each statement costs those runs a millisecond
of CPU; where a child is idle, they are written at once. Handing over an outcome never waits and so
cannot be cut short; whoever has handed over waits for room before it takes more work, which is the
back-pressure. A batch that could not be written stays and is written
again: the fence makes that harmless. What is pending outlives an incarnation of the actor, so an
outage, however long, loses no outcome. An outcome that the database refuses for its content is
written alone, as a discard that says why, so that it cannot hold up the others.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

import attrs
import msgspec
import trio

from actors import events
from actors.doubts import Doubts
from actors.holdings import Holdings
from actors.kit.life import Life
from actors.lease import Lease, cancel_when_over
from actors.retry import Retry
from actors.store.errors import DatabaseError
from actors.store.protocol import Acked, Store
from runtime.backoff import DEFAULT_BACKOFF, Backoff
from runtime.errors import StoreUnavailable
from runtime.job import ClaimedJob
from runtime.lifecycle import DEFAULT_MAX_CRASHES, Ack, JobState, Run, completed, decide
from runtime.outcome import Completed, Failed, Failure, Outcome

# Outcomes in one statement. From 500 on the time a job stays the same; more only makes them larger.
MAX_BATCH = 1000
# How long outcomes that are in no hurry may wait for others, in seconds. If the node is killed they
# are lost with it, and their jobs run again.
LINGER_SECONDS = 0.025
# So many outcomes need not wait for others.
WORTHY = MAX_BATCH // 2
# A write takes milliseconds. One that is not answered in this time went to a connection that is
# dead: one that a network had forgotten held outcomes up for 20 to 30 s. The next try may take as
# long as the Store lets it, so that large outputs get over a slow path in the end.
ANSWER_SECONDS = 10.0
# With more than this pending, Workers wait before they take more jobs.
ROOM = 4 * MAX_BATCH


NotesFirst = Callable[[Iterable[tuple[UUID, int]]], Awaitable[None]]
"""Returns when what these runs told of themselves is written, or will not be soon."""


LookAt = Callable[[Iterable[UUID]], None]
"""Called with workflows that may go on, once what they may have waited for is written."""


def look_at_none(jobs: Iterable[UUID]) -> None:
    """For nodes without a Waker."""


async def no_notes(runs: Iterable[tuple[UUID, int]]) -> None:
    """For nodes without a Scribe."""


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A run whose outcome is known, its handler's policy, and what the run used."""

    job: ClaimedJob
    outcome: Outcome
    backoff: Backoff = DEFAULT_BACKOFF
    max_crashes: int = DEFAULT_MAX_CRASHES
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    peak_rss_kib: int | None = None
    workflow: bool = False  # it has used durable steps

    def ack(self) -> Ack:
        """What becomes of the job."""
        job, outcome = self.job, self.outcome
        if isinstance(outcome, Completed):  # nearly all, and a microsecond quicker
            return completed(
                job.id,
                job.run_number,
                outcome.output,
                self.wall_seconds,
                self.cpu_seconds,
                self.peak_rss_kib,
            )
        run = Run(
            job.id,
            job.run_number,
            job.attempt,
            job.max_attempts,
            job.crashes,
            self.max_crashes,
            self.wall_seconds,
            self.cpu_seconds,
            self.peak_rss_kib,
            self.workflow,
        )
        spread = random.uniform(-1.0, 1.0) if isinstance(outcome, Failed) else 0.0
        return decide(run, outcome, self.backoff, spread)


@attrs.define
class Acker:
    """See the module's docstring. Workers call `settle`; the supervisor runs `run`."""

    store: Store
    holdings: Holdings
    observe: events.Observer = events.ignore
    lease: Lease | None = None
    notes_first: NotesFirst = no_notes
    look_at: LookAt = look_at_none
    _pending: list[Ack] = attrs.field(factory=list, init=False)
    _arrived: trio.Event = attrs.field(factory=trio.Event, init=False)
    _roomy: trio.Event = attrs.field(factory=trio.Event, init=False)
    _due: trio.Event = attrs.field(factory=trio.Event, init=False)  # a write should begin
    _unanswered: bool = attrs.field(default=False, init=False)  # the last write
    _retry: Retry = attrs.field(init=False)
    _doubts: Doubts = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._retry = Retry("acker", self.observe)
        self._doubts = Doubts(self.store, self.holdings, self.settle, self.observe)

    @property
    def pending(self) -> int:
        """Outcomes that are not written yet."""
        return len(self._pending)

    def settle(self, settled: Iterable[Settled], *, hurry: bool = True) -> None:
        """Hand over outcomes. They are the Acker's from now on.

        Args: hurry: write them at once; else others may be waited for.
        """
        acks = [run.ack() for run in settled]
        if not acks:
            return
        self._pending += acks
        self._arrived.set()
        if hurry or len(self._pending) >= WORTHY:
            self._due.set()

    def doubt(self, settled: Settled, ended: events.RunEnded) -> None:
        """Hand over the outcome of a run that has completed its job in its own transaction.

        It is written if that transaction turns out not to have committed; `ended` is told then.
        """
        self._doubts.add(settled, ended)

    async def wait_room(self) -> None:
        """Wait while too many outcomes are pending."""
        while len(self._pending) > ROOM:
            await self._roomy.wait()

    async def run(self, life: Life) -> None:
        """Write outcomes until asked to stop and nothing is left to write.

        The Workers stop before the Acker does, so what is pending then is all there will be. If
        the lease is over, that is left to the next incarnation.
        """
        life.started()
        if self._pending:
            self._due.set()  # what an earlier incarnation has left has waited long enough
        async with trio.open_nursery() as nursery:
            if self.lease is not None:
                nursery.start_soon(cancel_when_over, self.lease, life, nursery.cancel_scope)
            nursery.start_soon(self._doubts.run)
            await self._write_until(life)
            nursery.cancel_scope.cancel()

    async def _write_until(self, life: Life) -> None:
        while True:
            self._arrived = trio.Event()
            if self._pending:
                if not self._due.is_set():
                    with life.stop_scope(), trio.move_on_after(LINGER_SECONDS):
                        await self._due.wait()
                await self._write()
            elif life.stopping:
                if not await self._doubts.end():
                    return
            else:
                with life.stop_scope():
                    await self._arrived.wait()

    async def _write(self) -> None:
        self._due = trio.Event()
        batch = self._pending[:MAX_BATCH]
        await self.notes_first((ack.id, ack.run_number) for ack in batch)
        try:
            await self._ack(batch)
        except StoreUnavailable as error:
            await self._retry.after(error)
            self._due.set()
            return
        except DatabaseError as error:
            await self._write_one_by_one(batch, error)
        self._retry.succeeded()
        del self._pending[: len(batch)]
        self._roomy.set()
        self._roomy = trio.Event()

    async def _ack(self, batch: Sequence[Ack]) -> None:
        began = trio.current_time()
        acked = await self._ask(batch)
        self.holdings.drop((ack.id, ack.run_number) for ack in batch)
        if waiting := [*acked.parents, *(ack.id for ack in batch if ack.look)]:
            self.look_at(waiting)
        self.observe(
            events.Acked(
                batch=len(batch),
                written=acked.written,
                seconds=trio.current_time() - began,
                stale=acked.stale,
                retried=acked.retried,
                discarded=acked.discarded,
                cancelled=acked.cancelled,
                acks=batch,
            )
        )

    async def _ask(self, batch: Sequence[Ack]) -> Acked:
        """One try, on one connection. That one may be dead while others would do."""
        seconds = float("inf") if self._unanswered else ANSWER_SECONDS
        with trio.move_on_after(seconds):
            acked = await self.store.ack(batch)
            self._unanswered = False
            return acked
        self._unanswered = True
        raise StoreUnavailable(f"outcomes were not confirmed within {seconds:g} s")

    async def _write_one_by_one(self, batch: Sequence[Ack], error: DatabaseError) -> None:
        """The database refused the batch: find the outcome it cannot take, and write that instead.

        Raises DatabaseError if it refuses even that: then the fault is not the outcome's.
        """
        for ack in batch:
            try:
                await self._ack([ack])
            except DatabaseError as refusal:
                await self._ack([_refused(ack, refusal)])


def _refused(ack: Ack, error: DatabaseError) -> Ack:
    failure = Failure("OutputRefused", f"the database refused this outcome: {error}")
    return Ack(ack.id, ack.run_number, JobState.DISCARDED, failure=failure)
