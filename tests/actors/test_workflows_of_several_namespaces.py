"""What workflows ask of a node that serves several namespaces: each is answered by its own."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from actors.store.memory import MemoryStore
from actors.store.protocol import Demand, RunRecords
from actors.store.several import SeveralStore
from runtime.job import ClaimedJob
from runtime.lifecycle import Ack, JobState
from runtime.workflow.records import Collected, History, Record, Recorded, Refused, StepRecord
from tests.actors.conftest import NODE, Bench, new_job

STRANGER = UUID(int=7)


async def claimed(bench: Bench, stores: list[MemoryStore]) -> tuple[SeveralStore, list[ClaimedJob]]:
    """A job of each namespace, in order, claimed by a node of all."""
    several = SeveralStore(stores)
    added = [new_job() for _ in stores]
    for store, job in zip(stores, added, strict=True):
        await store.enqueue([job])
    node_id = await several.join(NODE, 1e6)
    jobs = await several.claim(node_id, [Demand("default", ("kind",), 10)])
    by_id = {job.id: job for job in jobs}
    return several, [by_id[job.id] for job in added]


def waits(place: str = "1", op: str = "signal") -> Record:
    return Record((StepRecord(place, op, "go", done=False),))


async def test_records_go_where_their_run_came_from(bench: Bench) -> None:
    stores = [bench.store, MemoryStore()]
    several, (first, second) = await claimed(bench, stores)
    asked = [
        RunRecords(second.id, second.run_number, waits("2")),
        RunRecords(STRANGER, 1, waits()),
        RunRecords(first.id, first.run_number, waits("1")),
    ]
    answers = await several.record(asked)
    assert [type(answer) for answer in answers] == [Recorded, Refused, Recorded]
    for store, job, place in zip(stores, (first, second), ("1", "2"), strict=True):
        own = cast("History", await store.recall(job.id, job.run_number))
        assert [step.place for step in own.steps] == [place]
        assert await several.recall(job.id, job.run_number) == own
        assert isinstance(await several.collect(job.id, job.run_number, []), Collected)
    assert await several.recall(STRANGER, 1) == await several.collect(STRANGER, 1, [])


async def test_whoever_waits_is_found_in_any_namespace(bench: Bench) -> None:
    stores = [bench.store, MemoryStore()]
    several, jobs = await claimed(bench, stores)
    signalled, happened = jobs
    await several.record([RunRecords(signalled.id, 1, waits())])
    await several.record([RunRecords(happened.id, 1, waits(op="event"))])
    await several.ack([Ack(job.id, 1, JobState.PENDING, None, counted=False) for job in jobs])

    bench.store.send_signal(signalled.id, "go")
    assert await several.wake([job.id for job in jobs]) == 1
    stores[1].emit_event("go")
    assert await several.wake_event("go") == 1
    for store, job in zip(stores, jobs, strict=True):
        assert (await store.get(job.id)).state is JobState.AVAILABLE
