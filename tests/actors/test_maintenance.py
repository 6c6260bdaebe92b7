"""Maintenance: one leader at a time; due jobs, dead nodes and old rows are seen to in time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import events
from actors.kit import ChildSpec, Life
from actors.lease import Lease
from actors.maintenance.elector import Elector
from actors.maintenance.leader import Leader
from actors.maintenance.pruner import Pruner
from actors.maintenance.rescuer import Rescuer
from actors.maintenance.stager import Stager
from actors.maintenance.surveyor import Surveyor
from actors.maintenance.term import HeldTerm
from actors.store.protocol import Demand, Retention
from runtime.lifecycle import Ack, JobState
from tests.actors.conftest import NODE, Bench, new_job


async def candidate(bench: Bench) -> tuple[Elector, HeldTerm]:
    lease = Lease()
    lease.begin(await bench.store.join(NODE, 1e6), 1e12)
    term = HeldTerm()
    return Elector(bench.store, lease, term, term_seconds=9.0, observe=bench.seen.append), term


async def test_one_of_two_candidates_leads_and_keeps_leading(bench: Bench) -> None:
    (one, first), (two, second) = await candidate(bench), await candidate(bench)
    await bench.start(one.run)
    await bench.start(two.run)
    for _ in range(50):
        await trio.sleep(1)
        assert (first.current, second.current) == (True, False)


async def test_another_leads_at_once_when_the_leader_resigns(bench: Bench) -> None:
    (one, first), (two, second) = await candidate(bench), await candidate(bench)
    life = await bench.start(one.run)
    await bench.start(two.run)
    await trio.sleep(1)
    life.ask_to_stop()
    await trio.sleep(4)

    assert (first.current, second.current) == (False, True)
    assert second.number > first.number


async def test_another_leads_within_a_term_when_the_leader_is_gone(bench: Bench) -> None:
    gone = await bench.store.join(NODE, 1e6)
    await bench.store.elect(gone, 9.0)
    await trio.sleep(1)
    elector, term = await candidate(bench)  # looks at 1, 4, 7 and, of itself, at 10, more or less
    await bench.start(elector.run)
    await trio.sleep(7.9)
    assert not term.current
    await trio.sleep(0.2)

    assert term.current


async def test_terms_never_overlap_when_a_leader_loses_the_database(bench: Bench) -> None:
    (one, first), (two, second) = await candidate(bench), await candidate(bench)
    await bench.start(one.run)
    await trio.sleep(1)
    bench.store.faults.slow("elect", 100.0)  # the leader's prolonging hangs
    await trio.sleep(10)
    assert not first.current

    bench.store.faults.slow("elect", 0.0)
    await bench.start(two.run)
    await trio.sleep(9)

    assert first.current != second.current


async def test_a_leader_does_its_duties_only_during_a_term(bench: Bench) -> None:
    alive: list[str] = []

    async def duty(life: Life) -> None:
        life.started()
        alive.append("on")
        await life.wait_stopping()
        alive.append("off")

    term = HeldTerm()
    await bench.start(Leader(term, [ChildSpec("duty", duty)]).run)
    await wait_all_tasks_blocked()
    assert alive == []
    term.hold(1, trio.current_time() + 5)
    await wait_all_tasks_blocked()
    assert alive == ["on"]
    await trio.sleep(6)
    assert alive == ["on", "off"]
    term.hold(2, trio.current_time() + 5)
    await wait_all_tasks_blocked()

    assert alive == ["on", "off", "on"]


async def test_a_scheduled_job_becomes_available_when_it_is_due(bench: Bench) -> None:
    stager = Stager(bench.store, bench.seen.append)
    job = new_job(delay_seconds=3.25)
    await bench.store.enqueue([job])
    await bench.start(stager.run)
    await trio.sleep(3.2)
    assert (await bench.store.get(job.id)).state is JobState.SCHEDULED
    await trio.sleep(0.1)

    assert (await bench.store.get(job.id)).state is JobState.AVAILABLE


async def test_a_job_that_is_due_before_the_next_look_wakes_the_stager(bench: Bench) -> None:
    stager = Stager(bench.store, bench.seen.append)
    await bench.start(stager.run)
    await wait_all_tasks_blocked()
    job = new_job(delay_seconds=0.5)
    await bench.store.enqueue([job])
    stager.due_soon()
    await trio.sleep(0.6)

    assert (await bench.store.get(job.id)).state is JobState.AVAILABLE


async def test_a_dead_nodes_jobs_go_back_when_its_lease_ends(bench: Bench) -> None:
    node_id = await bench.store.join(NODE, 20.0)
    job = new_job()
    await bench.store.enqueue([job])
    await bench.store.claim(node_id, [Demand("default", ("kind",), 1)])
    await bench.start(Rescuer(bench.store, bench.seen.append).run)
    await trio.sleep(19.5)
    assert (await bench.store.get(job.id)).state is JobState.RUNNING
    await trio.sleep(1)

    assert (await bench.store.get(job.id)).state is JobState.AVAILABLE
    assert bench.saw(events.Rescued) == [events.Rescued((NODE.name,), 1, 0)]


async def test_old_jobs_are_pruned_and_young_ones_kept(bench: Bench) -> None:
    node_id = await bench.store.join(NODE, 1e6)
    job = new_job()
    await bench.store.enqueue([job])
    (run,) = await bench.store.claim(node_id, [Demand("default", ("kind",), 1)])
    await bench.store.ack([Ack(run.id, run.run_number, JobState.COMPLETED)])
    await bench.start(Pruner(bench.store, Retention(completed_seconds=100.0)).run)
    await trio.sleep(90)
    assert (await bench.store.counts())[JobState.COMPLETED] == 1
    await trio.sleep(60)

    assert (await bench.store.counts()).get(JobState.COMPLETED, 0) == 0


async def test_old_events_are_pruned_once_no_job_is_kept_for_so_long(bench: Bench) -> None:
    bench.store.emit_event("opening")
    await bench.start(
        Pruner(bench.store, Retention(10.0, 10.0, 100.0, 50.0), bench.seen.append).run
    )
    await trio.sleep(90)
    assert not bench.store.emit_event("opening")
    await trio.sleep(60)

    assert bench.store.emit_event("opening")
    assert bench.saw(events.Pruned) == [events.Pruned(0, 1)]


def test_events_are_kept_as_long_as_jobs_are_or_for_ever() -> None:
    assert Retention().of_events == 30 * 86_400
    assert Retention(completed_seconds=1e9).of_events == 1e9
    assert Retention(None, None, None).of_events == 30 * 86_400
    assert Retention(events_seconds=None).of_events is None


async def test_the_surveyor_measures_and_falls_silent_at_the_end(bench: Bench) -> None:
    await bench.store.enqueue([new_job()])
    life = await bench.start(Surveyor(bench.store, bench.seen.append).run)
    await trio.sleep(1)
    life.ask_to_stop()
    await wait_all_tasks_blocked()

    measured = [event for event in bench.seen if isinstance(event, events.QueuesMeasured)]
    assert measured[0].queues[0].available == 1
    assert measured[-1].queues == ()
    assert bench.saw(events.JobsCounted) == [
        events.JobsCounted("headrace", {("default", JobState.AVAILABLE): 1}),
        events.JobsCounted("headrace", {}),
    ]


@pytest.mark.parametrize("outage_seconds", [1.0, 100.0])
async def test_maintenance_outlives_an_outage(bench: Bench, outage_seconds: float) -> None:
    await bench.start(Stager(bench.store, bench.seen.append).run)
    job = new_job(delay_seconds=0.5)
    await bench.store.enqueue([job])
    bench.store.lose_database()
    await trio.sleep(outage_seconds)
    bench.store.find_database()
    await trio.sleep(7)

    assert (await bench.store.get(job.id)).state is JobState.AVAILABLE
