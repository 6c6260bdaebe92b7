"""The Acker: writes outcomes in batches, as fast as the database takes them.

    Workers ── settled runs ──▶ outbox ──▶ decide ──▶ Store.ack (one statement a batch)

Rules: whatever has arrived when the last write is done makes the next batch; no timer. A batch that
could not be written stays and is written again: the fence makes that harmless. It outlives an
incarnation of the actor, so an outage, however long, loses no outcome. The outbox is bounded:
back-pressure reaches the Workers, and ends at the claim. An outcome that the database refuses for
its content is written alone, as a discard that says why, so that it cannot hold up the others.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import attrs
import trio

from actors import events
from actors.holdings import Holdings
from actors.kit.life import Life
from actors.retry import Retry
from actors.store.errors import DatabaseError
from actors.store.protocol import Store
from runtime.backoff import DEFAULT_BACKOFF, Backoff
from runtime.errors import StoreUnavailable
from runtime.job import ClaimedJob
from runtime.lifecycle import Ack, JobState, Run, decide
from runtime.outcome import Failure, Outcome

# Outcomes in one statement. From 500 on the time a job stays the same; more only makes them larger.
MAX_BATCH = 1000
# Lists of outcomes that may wait for the Acker; a Worker sends one list for all that it has read.
OUTBOX_LISTS = 256


@attrs.frozen
class Settled:
    """A run whose outcome is known. `backoff` is its handler's policy."""

    job: ClaimedJob
    outcome: Outcome
    backoff: Backoff = DEFAULT_BACKOFF

    def ack(self) -> Ack:
        """What becomes of the job."""
        job = self.job
        run = Run(job.id, job.run_number, job.attempt, job.max_attempts)
        return decide(run, self.outcome, self.backoff, random.uniform(-1.0, 1.0))


@attrs.define
class Acker:
    """See the module's docstring. Workers call `settle`; the supervisor runs `run`."""

    store: Store
    holdings: Holdings
    observe: events.Observer = events.ignore
    _pending: list[Ack] = attrs.field(factory=list, init=False)
    _outbox: trio.MemorySendChannel[Sequence[Settled]] = attrs.field(init=False)
    _arrivals: trio.MemoryReceiveChannel[Sequence[Settled]] = attrs.field(init=False)
    _retry: Retry = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._outbox, self._arrivals = trio.open_memory_channel(OUTBOX_LISTS)
        self._retry = Retry("acker", self.observe)

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Hand over outcomes; waits while the outbox is full."""
        if settled:
            await self._outbox.send(settled)

    async def run(self, life: Life) -> None:
        """Write outcomes until asked to stop and nothing is left to write.

        The Workers stop before the Acker does, so what is in the outbox then is all there will be.
        """
        life.started()
        while await self._gather(life):
            await self._write()

    async def _gather(self, life: Life) -> bool:
        """Wait for outcomes, take all that have arrived. False: asked to stop and nothing left."""
        self._take_arrived()
        if not self._pending:
            with life.stop_scope():
                self._take(await self._arrivals.receive())
            self._take_arrived()
        return bool(self._pending)

    def _take_arrived(self) -> None:
        while len(self._pending) < MAX_BATCH:
            try:
                self._take(self._arrivals.receive_nowait())
            except trio.WouldBlock:
                return

    def _take(self, settled: Iterable[Settled]) -> None:
        self._pending += [run.ack() for run in settled]

    async def _write(self) -> None:
        batch = self._pending[:MAX_BATCH]
        try:
            await self._ack(batch)
        except StoreUnavailable as error:
            await self._retry.after(error)
            return
        except DatabaseError as error:
            await self._write_one_by_one(batch, error)
        self._retry.succeeded()
        del self._pending[: len(batch)]

    async def _ack(self, batch: Sequence[Ack]) -> None:
        began = trio.current_time()
        acked = await self.store.ack(batch)
        self.holdings.drop((ack.id, ack.run_number) for ack in batch)
        self.observe(
            events.Acked(
                batch=len(batch),
                written=acked.written,
                seconds=trio.current_time() - began,
                stale=acked.stale,
                retried=acked.retried,
                discarded=acked.discarded,
                cancelled=acked.cancelled,
            )
        )

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
