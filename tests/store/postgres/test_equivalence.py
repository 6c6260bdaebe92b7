"""MemoryStore and PostgresStore do the same, step by step, whatever is asked of them.

Both get the same random commands. After each, their answers must be alike, and so must their jobs.
Time stands still for the one, but for a millisecond a command, and runs for the other; both let
hundreds of seconds pass at a time. So that the difference does not matter, nothing falls due within
30 s of a multiple of 100 s.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import trio.testing

from actors.store.memory import MemoryStore
from actors.store.protocol import Demand, JobFilter, Retention, Store
from runtime.job import ClaimedJob, Job
from runtime.lifecycle import Ack, JobState
from runtime.outcome import Failure
from tests.store.harness import Bench, new_job, node_info
from tests.store.tables import Tables

STEPS = 150
QUEUES = ("one", "two")
KINDS = ("a", "b", "c")
ENDINGS = (
    JobState.COMPLETED,
    JobState.COMPLETED,
    JobState.RETRYABLE,
    JobState.SCHEDULED,
    JobState.AVAILABLE,
    JobState.DISCARDED,
    JobState.CANCELLED,
    JobState.PENDING,
)


class Pair:
    """Both Stores, the commands that were given, and what is known of them."""

    def __init__(self, memory: MemoryStore, postgres: Store, tables: Tables, seed: int) -> None:
        self.memory = memory
        self.postgres = postgres
        self.tables = tables
        self.dice = random.Random(seed)
        self.ids: list[UUID] = []
        self.nodes: list[tuple[int, int]] = []  # (in memory, in PostgreSQL)
        self.claimed: list[ClaimedJob] = []

    async def step(self) -> None:
        """One random command."""
        self.memory.advance(0.001)
        name = self.dice.choice(list(COMMANDS))
        await COMMANDS[name](self)

    async def both(self, ask: Callable[[Store], Awaitable[Any]]) -> Any:
        """Ask both; the answers must be equal."""
        expected = await ask(self.memory)
        actual = await ask(self.postgres)
        assert actual == expected
        return actual

    def job_id(self) -> UUID | None:
        return self.dice.choice(self.ids) if self.ids else None

    def node(self) -> tuple[int, int]:
        return self.dice.choice(self.nodes)

    async def compare(self) -> None:
        """All jobs and queues are alike."""
        wanted = JobFilter(limit=10_000)
        expected = [_shape(job) for job in await self.memory.jobs(wanted)]
        assert [_shape(job) for job in await self.postgres.jobs(wanted)] == expected
        assert await self.postgres.counts() == await self.memory.counts()
        for job_id in self.dice.sample(self.ids, min(3, len(self.ids))):
            if any(shape[0] == job_id for shape in expected):
                await self.both(partial(_failures, job_id=job_id))
        queues = [
            [(q.name, q.paused_at is None, q.available, q.running) for q in await store.queues()]
            for store in (self.memory, self.postgres)
        ]
        assert queues[0] == queues[1]


def _shape(job: Job) -> tuple[Any, ...]:
    return (
        job.id,
        job.state,
        job.attempt,
        job.max_attempts,
        job.run_number,
        job.output,
        job.node,
        job.finalized_at is None,
        job.cancel_requested_at is None,
        job.attempted_at is None,
    )


async def _failures(store: Store, job_id: UUID) -> list[Any]:
    return [
        (row.run_number, row.attempt, row.error_class, row.message, row.node)
        for row in (await store.get(job_id)).failures
    ]


async def enqueue(pair: Pair) -> None:
    dice = pair.dice
    jobs = [
        new_job(
            kind=dice.choice(KINDS),
            queue=dice.choice(QUEUES),
            priority=dice.randint(1, 4),
            max_attempts=dice.randint(1, 3),
            delay_seconds=dice.choice([None, None, 530.0, 5_030.0]),
        )
        for _ in range(dice.randint(0, 6))
    ]
    await pair.both(lambda store: store.enqueue(jobs))
    pair.ids += [job.id for job in jobs]


async def claim(pair: Pair) -> None:
    mine, theirs = pair.node()
    demand = [
        Demand(queue, kinds, pair.dice.randint(0, 4))
        for queue in QUEUES
        for kinds in (("a",), ("b", "c"))
    ]
    expected = await pair.memory.claim(mine, demand)
    actual = await pair.postgres.claim(theirs, demand)
    assert [(job.id, job.run_number, job.attempt) for job in actual] == [
        (job.id, job.run_number, job.attempt) for job in expected
    ]
    pair.claimed += expected


def _some_claimed(pair: Pair) -> list[ClaimedJob]:
    return pair.dice.sample(pair.claimed, min(len(pair.claimed), pair.dice.randint(0, 5)))


async def ack(pair: Pair) -> None:
    acks = []
    for job in _some_claimed(pair):
        state = pair.dice.choice(ENDINGS)
        done = state is JobState.COMPLETED
        waits = state in (JobState.RETRYABLE, JobState.SCHEDULED)
        acks.append(
            Ack(
                job.id,
                job.run_number,
                state,
                delay_seconds=pair.dice.choice([330.0, 3_030.0] if waits else [0.0, None]),
                counted=pair.dice.random() < 0.7,
                output=pair.dice.choice(['"x"', None]) if done else None,
                failure=None if done else Failure("E", str(pair.dice.random())),
            )
        )
    await pair.both(lambda store: store.ack(acks))


async def release(pair: Pair) -> None:
    runs = [(job.id, job.run_number) for job in _some_claimed(pair)]
    await pair.both(lambda store: store.release(runs))


async def join(pair: Pair) -> None:
    info = node_info(f"node:{len(pair.nodes)}", queues=(pair.dice.choice(QUEUES),))
    lease = pair.dice.choice([1_070.0, 10_070.0])
    pair.nodes.append((await pair.memory.join(info, lease), await pair.postgres.join(info, lease)))


async def renew(pair: Pair) -> None:
    mine, theirs = pair.node()
    assert await pair.memory.renew(mine, 2_050) == await pair.postgres.renew(theirs, 2_050)


async def leave(pair: Pair) -> None:
    mine, theirs = pair.node()
    await pair.memory.leave(mine)
    await pair.postgres.leave(theirs)
    # A node that left at this instant is past its lease at the next.
    pair.memory.advance(0.001)


async def hold(pair: Pair) -> None:
    mine, theirs = pair.node()
    assert await pair.memory.holdings(mine) == await pair.postgres.holdings(theirs)
    assert await pair.memory.awaiting_cancel(mine) == await pair.postgres.awaiting_cancel(theirs)


async def rescue(pair: Pair) -> None:
    # A limit that cuts would let each choose other jobs.
    answers = [await store.rescue(10_000) for store in (pair.memory, pair.postgres)]
    mine, theirs = [(answer.nodes, answer.jobs, answer.discarded) for answer in answers]
    assert mine == theirs


async def stage(pair: Pair) -> None:
    limit = pair.dice.choice([3, 10_000])
    answers = [await store.stage(limit) for store in (pair.memory, pair.postgres)]
    assert answers[0].jobs == answers[1].jobs
    assert (answers[0].next_due_seconds is None) == (answers[1].next_due_seconds is None)


async def prune(pair: Pair) -> None:
    kept = [pair.dice.choice([None, 2_040.0, 20_040.0]) for _ in range(3)]
    await pair.both(lambda store: store.prune(Retention(*kept), 10_000))


async def elect(pair: Pair) -> None:
    mine, theirs = pair.node()
    seconds = pair.dice.choice([570.0, 6_060.0])
    one, other = await pair.memory.elect(mine, seconds), await pair.postgres.elect(theirs, seconds)
    assert (one.number, one.held) == (other.number, other.held)


async def resign(pair: Pair) -> None:
    mine, theirs = pair.node()
    await pair.memory.resign(mine)
    await pair.postgres.resign(theirs)


async def change(pair: Pair) -> None:
    job_id = pair.job_id()
    verb = pair.dice.choice(["cancel", "cancel", "retry", "delete"])
    if job_id is None:
        return

    async def answer(store: Store) -> Any:
        try:
            found = await getattr(store, verb)(job_id)
        except Exception as error:
            return repr(error)
        return _shape(found) if isinstance(found, Job) else found

    await pair.both(answer)


async def pause(pair: Pair) -> None:
    verb = pair.dice.choice(["pause", "resume", "resume"])
    queue = pair.dice.choice([*QUEUES, "*"])
    await pair.both(lambda store: getattr(store, verb)(queue))


async def wait(pair: Pair) -> None:
    seconds = pair.dice.choice([100.0, 600.0, 4_000.0, 30_000.0])
    pair.memory.advance(seconds)
    pair.tables.pass_time(seconds)


COMMANDS: dict[str, Callable[[Pair], Awaitable[None]]] = {
    "enqueue": enqueue,
    "enqueue more": enqueue,
    "claim": claim,
    "claim more": claim,
    "ack": ack,
    "ack more": ack,
    "release": release,
    "join": join,
    "renew": renew,
    "leave": leave,
    "hold": hold,
    "rescue": rescue,
    "stage": stage,
    "prune": prune,
    "elect": elect,
    "resign": resign,
    "change": change,
    "change more": change,
    "pause": pause,
    "wait": wait,
}


@pytest.mark.parametrize("seed", range(6))
async def test_both_stores_do_the_same(
    bench: Bench, tables: Tables, mock_clock: trio.testing.MockClock, seed: int
) -> None:
    pair = Pair(MemoryStore(), bench.store, tables, seed)
    await join(pair)
    for _ in range(STEPS):
        await pair.step()
        await pair.compare()
