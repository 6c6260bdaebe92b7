"""Unique jobs, in every Store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from runtime.errors import JobNotUnique
from runtime.handler_enqueue import with_key
from runtime.job import NewJob
from runtime.lifecycle import JobState
from runtime.unique import BEFORE_ITS_RUN, UNFINISHED, Unique
from tests.store.harness import Bench, ack_of, new_job


def unique_job(args: str = "{}", /, unique: Unique | None = None, **options: Any) -> NewJob:
    """A job that is unique by its args."""
    return with_key(new_job(args=args, **options), unique or Unique(), args)


async def test_a_job_that_another_is_the_same_as_is_not_added(bench: Bench) -> None:
    jobs = [unique_job(args) for args in ('{"a":1}', '{"a":2}', '{"a":1.0}')]
    assert await bench.store.enqueue(jobs[:1]) == [True]
    assert await bench.store.enqueue([*jobs[1:], unique_job('{"a":2}')]) == [True, False, False]
    assert await bench.store.enqueue(jobs[:1]) == [False]  # its own id
    assert (await bench.store.counts())[JobState.AVAILABLE] == 2


@pytest.mark.parametrize(
    ("states", "held"),
    [(None, (True, True)), (UNFINISHED, (True, False)), (BEFORE_ITS_RUN, (False, False))],
)
async def test_a_key_is_held_in_the_states_that_were_asked_for(
    bench: Bench, states: frozenset[JobState] | None, held: tuple[bool, bool]
) -> None:
    unique = Unique() if states is None else Unique(states=states)
    running = await _runs(bench, unique_job(unique=unique))
    found = [await bench.store.enqueue([unique_job(unique=unique)]) == [False]]
    for job in await bench.claim(await bench.node()):  # the one that was added, if any
        await bench.store.ack([ack_of(job)])
    await bench.store.ack([running])
    found.append(await bench.store.enqueue([unique_job(unique=unique)]) == [False])
    assert tuple(found) == held


async def _runs(bench: Bench, new: NewJob) -> Any:
    assert await bench.store.enqueue([new]) == [True]
    (job,) = await bench.claim(await bench.node())
    return ack_of(job)


async def test_a_run_may_come_back_while_another_waits_with_its_key(bench: Bench) -> None:
    unique = Unique(states=BEFORE_ITS_RUN)
    first = await _runs(bench, unique_job(unique=unique))
    assert await bench.store.enqueue([unique_job(unique=unique)]) == [True]
    assert await bench.store.release([(first.id, first.run_number)]) == 1
    assert (await bench.store.counts())[JobState.AVAILABLE] == 2
    assert len(await bench.claim(await bench.node())) == 2


async def test_one_is_allowed_in_each_period_of_its_time(bench: Bench) -> None:
    hourly = Unique(period=3600)
    eight = datetime(2100, 1, 1, 8, tzinfo=UTC)
    times = [eight - timedelta(seconds=seconds) for seconds in (3600, 1, 0)]
    jobs = [unique_job(unique=hourly, scheduled_at=time) for time in times]
    assert await bench.store.enqueue(jobs) == [True, False, True]


async def test_a_job_that_waits_takes_what_the_newest_brings(bench: Bench) -> None:
    debounced = Unique(args=False, on_conflict="replace")
    (first,) = await _added(bench, unique_job('{"v":1}', unique=debounced, delay_seconds=5.0))
    newest = unique_job(
        '{"v":2}',
        unique=debounced,
        delay_seconds=60.0,
        priority=3,
        tags=("late",),
        metadata='{"m":1}',
        max_attempts=7,
        timeout_seconds=1.5,
        expires_seconds=90.0,
    )
    assert await bench.store.enqueue([newest]) == [False]
    job = await bench.store.get(first)
    assert (job.state, job.args, job.metadata) == (JobState.SCHEDULED, {"v": 2}, {"m": 1})
    assert (job.priority, job.tags, job.max_attempts) == (3, ("late",), 7)
    assert job.timeout_seconds == 1.5
    assert (job.scheduled_at - job.created_at).total_seconds() > 50
    assert job.expires_at is not None
    assert 25 < (job.expires_at - job.scheduled_at).total_seconds() < 35

    await bench.store.enqueue([unique_job('{"v":3}', unique=debounced)])
    assert await bench.state(first) is JobState.AVAILABLE
    (claimed,) = await bench.claim(await bench.node())
    assert (claimed.id, claimed.args.replace(" ", "")) == (first, '{"v":3}')


async def _added(bench: Bench, *jobs: NewJob) -> list[UUID]:
    assert all(await bench.store.enqueue(jobs))
    return [job.id for job in jobs]


async def test_only_the_named_fields_are_replaced(bench: Bench) -> None:
    throttled = Unique(args=False, on_conflict="replace", replace=("args",))
    (first,) = await _added(bench, unique_job('{"v":1}', unique=throttled, delay_seconds=60.0))
    before = await bench.store.get(first)
    await bench.store.enqueue([unique_job('{"v":2}', unique=throttled, priority=4)])
    job = await bench.store.get(first)
    assert job.args == {"v": 2}
    assert (job.priority, job.state) == (1, JobState.SCHEDULED)
    assert job.scheduled_at == before.scheduled_at


async def test_a_job_that_runs_is_never_replaced(bench: Bench) -> None:
    debounced = Unique(args=False, on_conflict="replace")
    running = await _runs(bench, unique_job('{"v":1}', unique=debounced))
    assert await bench.store.enqueue([unique_job('{"v":2}', unique=debounced)]) == [False]
    job = await bench.store.get(running.id)
    assert (job.state, job.args) == (JobState.RUNNING, {"v": 1})


async def test_a_call_that_is_to_fail_names_the_other_and_writes_nothing(bench: Bench) -> None:
    failing = Unique(on_conflict="fail")
    (there,) = await _added(bench, unique_job('{"a":1}', unique=failing))
    for batch in (
        [new_job(), unique_job('{"a":1}', unique=failing)],
        [unique_job('{"a":2}', unique=failing), unique_job('{"a":2}', unique=failing)],
    ):
        with pytest.raises(JobNotUnique) as caught:
            await bench.store.enqueue(batch)
        assert caught.value.index == 1
        assert caught.value.job_id in (there, batch[0].id)
    assert (await bench.store.counts())[JobState.AVAILABLE] == 1


async def test_a_final_job_is_not_retried_while_another_holds_its_key(bench: Bench) -> None:
    unique = Unique(states=UNFINISHED)
    done = await _runs(bench, unique_job(unique=unique))
    await bench.store.ack([done])
    (waiting,) = await _added(bench, unique_job(unique=unique))
    with pytest.raises(JobNotUnique) as caught:
        await bench.store.retry(done.id)
    assert caught.value.job_id == waiting
    assert await bench.state(done.id) is JobState.COMPLETED
    await bench.store.cancel(waiting)
    assert (await bench.store.retry(done.id)).state is JobState.AVAILABLE
