"""The Acker: batches by itself, loses nothing, and one bad outcome does not hold up the others."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from actors import events
from actors.acker import ANSWER_SECONDS, LINGER_SECONDS, WORTHY, Acker, Settled
from actors.kit import Life
from actors.store.errors import DatabaseError
from actors.store.protocol import Demand
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from runtime.outcome import Completed, Failed, Failure
from tests.actors.conftest import Bench, new_job


async def claimed(bench: Bench, count: int) -> list[ClaimedJob]:
    node_id = await bench.join()
    await bench.store.enqueue([new_job(max_attempts=2) for _ in range(count)])
    jobs = await bench.store.claim(node_id, [Demand("default", ("kind",), count)])
    bench.holdings.take(jobs)
    return jobs


def acker_of(bench: Bench) -> Acker:
    return Acker(bench.store, bench.holdings, bench.seen.append)


async def states(bench: Bench, jobs: list[ClaimedJob]) -> set[JobState]:
    return {(await bench.store.get(job.id)).state for job in jobs}


async def test_what_arrives_during_a_write_makes_the_next_batch(bench: Bench) -> None:
    jobs = await claimed(bench, 10)
    acker = acker_of(bench)
    hold = bench.store.faults.hold("ack")
    await bench.start(acker.run)
    acker.settle([Settled(jobs[0], Completed("1"))])
    await hold.reached.wait()
    for job in jobs[1:]:
        acker.settle([Settled(job, Completed("1"))])
    hold.release()
    await wait_all_tasks_blocked()

    assert [event.batch for event in bench.seen if isinstance(event, events.Acked)] == [1, 9]
    assert await states(bench, jobs) == {JobState.COMPLETED}
    assert len(bench.holdings) == 0


async def test_outcomes_in_no_hurry_wait_a_little_for_others(bench: Bench) -> None:
    jobs = await claimed(bench, 3)
    acker = acker_of(bench)
    await bench.start(acker.run)
    acker.settle([Settled(jobs[0], Completed("1"))], hurry=False)
    await trio.sleep(LINGER_SECONDS / 2)
    assert acker.pending == 1
    acker.settle([Settled(jobs[1], Completed("1"))], hurry=False)
    await trio.sleep(0.6 * LINGER_SECONDS)
    assert (acker.pending, await states(bench, jobs[:2])) == (0, {JobState.COMPLETED})


async def test_one_in_a_hurry_takes_the_others_with_it(bench: Bench) -> None:
    jobs = await claimed(bench, 2)
    acker = acker_of(bench)
    await bench.start(acker.run)
    acker.settle([Settled(jobs[0], Completed("1"))], hurry=False)
    acker.settle([Settled(jobs[1], Completed("1"))])
    await wait_all_tasks_blocked()
    assert acker.pending == 0


async def test_as_many_as_make_a_good_batch_do_not_wait(bench: Bench) -> None:
    jobs = await claimed(bench, WORTHY)
    acker = acker_of(bench)
    await bench.start(acker.run)
    acker.settle([Settled(job, Completed("1")) for job in jobs], hurry=False)
    await wait_all_tasks_blocked()
    assert acker.pending == 0


async def test_a_stop_does_not_wait_for_others(bench: Bench) -> None:
    jobs = await claimed(bench, 1)
    acker = acker_of(bench)
    life = await bench.start(acker.run)
    acker.settle([Settled(jobs[0], Completed("1"))], hurry=False)
    before = trio.current_time()
    life.ask_to_stop()
    await wait_all_tasks_blocked()
    assert (acker.pending, trio.current_time()) == (0, before)


async def test_an_outage_loses_no_outcome(bench: Bench) -> None:
    jobs = await claimed(bench, 3)
    acker = acker_of(bench)
    await bench.start(acker.run)
    bench.store.lose_database()
    acker.settle([Settled(job, Completed()) for job in jobs])
    await trio.sleep(120)
    bench.store.find_database()
    await trio.sleep(2)

    assert await states(bench, jobs) == {JobState.COMPLETED}


async def test_an_answer_that_was_lost_is_written_again_and_changes_nothing(bench: Bench) -> None:
    (job,) = await claimed(bench, 1)
    acker = acker_of(bench)
    bench.store.faults.lose_reply("ack")
    await bench.start(acker.run)
    acker.settle([Settled(job, Failed(Failure("ValueError", "no")))])
    await trio.sleep(1)

    row = await bench.store.get(job.id)
    assert len(row.failures) == 1
    assert bench.store.faults.calls["ack"] == 2


async def test_a_write_that_nobody_answers_is_given_up_in_time(bench: Bench) -> None:
    jobs = await claimed(bench, 2)
    acker = acker_of(bench)
    bench.store.faults.hold("ack")
    await bench.start(acker.run)
    acker.settle([Settled(job, Completed()) for job in jobs])
    await trio.sleep(ANSWER_SECONDS + 1)

    assert await states(bench, jobs) == {JobState.COMPLETED}
    assert bench.store.faults.calls["ack"] == 2


async def test_a_write_that_takes_long_is_done_at_the_second_try(bench: Bench) -> None:
    jobs = await claimed(bench, 2)
    acker = acker_of(bench)
    bench.store.faults.slow("ack", 2 * ANSWER_SECONDS)
    await bench.start(acker.run)
    acker.settle([Settled(job, Completed()) for job in jobs])
    await trio.sleep(4 * ANSWER_SECONDS)

    assert await states(bench, jobs) == {JobState.COMPLETED}
    assert bench.store.faults.calls["ack"] == 2


async def test_what_is_left_is_written_before_it_leaves(bench: Bench) -> None:
    jobs = await claimed(bench, 5)
    acker = acker_of(bench)
    acker.settle([Settled(job, Completed()) for job in jobs])
    life = await bench.start(acker.run)
    life.ask_to_stop()
    await wait_all_tasks_blocked()

    assert await states(bench, jobs) == {JobState.COMPLETED}


async def test_an_incarnation_that_crashed_leaves_its_outcomes_to_the_next(bench: Bench) -> None:
    (job,) = await claimed(bench, 1)
    acker = acker_of(bench)
    hold = bench.store.faults.hold("ack")
    acker.settle([Settled(job, Completed())])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(acker.run, Life("acker"))
        await hold.reached.wait()
        nursery.cancel_scope.cancel()
    assert acker.pending == 1

    await bench.start(acker.run)
    await wait_all_tasks_blocked()

    assert await states(bench, [job]) == {JobState.COMPLETED}


async def test_an_outcome_that_the_database_refuses_is_discarded_alone(bench: Bench) -> None:
    jobs = await claimed(bench, 3)
    acker = acker_of(bench)
    refusal = DatabaseError("23514", "job_output_size", "too large")
    bench.store.faults.fail_next("ack", error=refusal)  # the batch of three
    bench.store.faults.fail_next("ack", error=refusal)  # the first one, alone
    await bench.start(acker.run)
    acker.settle([Settled(job, Completed("1")) for job in jobs])
    await wait_all_tasks_blocked()

    rows = [await bench.store.get(job.id) for job in jobs]
    assert [row.state for row in rows] == [
        JobState.DISCARDED,
        JobState.COMPLETED,
        JobState.COMPLETED,
    ]
    assert rows[0].failures[0].error_class == "OutputRefused"
