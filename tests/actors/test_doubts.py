"""Doubts: what becomes of runs that complete their jobs in transactions of their own, by the Acker,
on a Store in memory; the test says which transactions are open."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import attrs
import trio

from actors import events
from actors.acker import Acker, Settled
from actors.doubts import END_SECONDS, WARN_SECONDS
from actors.kit import Life
from actors.run_events import into_doubt
from actors.store.memory import MemoryStore
from actors.store.protocol import Demand, InDoubt
from runtime.job import ClaimedJob
from runtime.lifecycle import Ack, JobState
from runtime.outcome import Completed, Failed, Failure
from tests.actors.conftest import Bench, new_job

OOPS = Failed(Failure("ValueError", "oops"))


class DoubtfulStore(MemoryStore):
    """One in which transactions of others can be open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[tuple[UUID, int]] = set()

    async def in_doubt(self, runs: Sequence[tuple[UUID, int]]) -> InDoubt:
        found = await super().in_doubt(runs)
        return attrs.evolve(found, held=tuple(run for run in runs if run in self.open))


async def begun(bench: Bench) -> tuple[DoubtfulStore, Acker, ClaimedJob]:
    """A job that runs, on such a store, and an Acker."""
    store = bench.store = DoubtfulStore()
    node_id = await bench.join()
    await store.enqueue([new_job()])
    (job,) = await store.claim(node_id, [Demand("default", ("kind",), 1)])
    bench.holdings.take([job])
    return store, Acker(store, bench.holdings, bench.seen.append), job


def endings(bench: Bench) -> list[str]:
    told = [event for event in bench.seen if isinstance(event, events.RunsEnded)]
    return [run.outcome for event in told for run in event.runs]


def stale(bench: Bench) -> int:
    return sum(len(event.stale) for event in bench.seen if isinstance(event, events.Acked))


async def test_what_has_committed_is_completed_whatever_came_after(bench: Bench) -> None:
    store, acker, job = await begun(bench)
    await bench.start(acker.run)
    await store.ack([Ack(job.id, job.run_number, JobState.COMPLETED)])

    into_doubt(acker, Settled(job, OOPS), 1.0)
    await trio.sleep(1)

    assert (endings(bench), stale(bench), len(bench.holdings)) == (["completed"], 0, 0)
    (acked,) = [event for event in bench.seen if isinstance(event, events.Acked)]
    assert [(ack.id, ack.state) for ack in acked.acks] == [(job.id, JobState.COMPLETED)]


async def test_what_was_not_committed_has_failed_once_that_is_known(bench: Bench) -> None:
    store, acker, job = await begun(bench)
    await bench.start(acker.run)
    store.open.add((job.id, job.run_number))

    into_doubt(acker, Settled(job, Completed("1")), 1.0)
    await trio.sleep(WARN_SECONDS + 5)

    assert endings(bench) == []
    warned = [event.job_id for event in bench.seen if isinstance(event, events.RunInDoubt)]
    assert warned == [job.id]
    store.open.clear()
    await trio.sleep(5)
    shown = await store.get(job.id)
    assert (endings(bench), shown.state) == (["failed"], JobState.RETRYABLE)
    assert shown.failures[0].error_class == "NotCommitted"


async def test_a_run_that_was_lost_meanwhile_is_late_and_not_completed(bench: Bench) -> None:
    store, acker, job = await begun(bench)
    await bench.start(acker.run)
    await store.release([(job.id, job.run_number)])

    into_doubt(acker, Settled(job, OOPS), 1.0)
    await trio.sleep(1)

    assert (endings(bench), stale(bench)) == (["failed"], 1)


async def test_an_outage_is_waited_for(bench: Bench) -> None:
    store, acker, job = await begun(bench)
    await bench.start(acker.run)
    await store.ack([Ack(job.id, job.run_number, JobState.COMPLETED)])
    store.faults.fail_next("in_doubt", times=3)

    into_doubt(acker, Settled(job, OOPS), 1.0)
    await trio.sleep(10)

    assert endings(bench) == ["completed"]


async def test_a_node_that_stops_does_not_wait_for_ever(bench: Bench) -> None:
    store, acker, job = await begun(bench)
    store.open.add((job.id, job.run_number))
    ended = trio.Event()

    async def run(life: Life) -> None:
        await acker.run(life)
        ended.set()

    life = await bench.start(run)
    into_doubt(acker, Settled(job, Completed()), 1.0)

    life.ask_to_stop()
    await trio.sleep(END_SECONDS / 2)
    assert not ended.is_set()
    await trio.sleep(END_SECONDS)

    assert ended.is_set()
    assert (await store.get(job.id)).state is JobState.RUNNING
