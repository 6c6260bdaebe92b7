"""Store.enqueue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trio

from runtime.errors import PayloadInvalid, PayloadTooLarge, UsageError
from runtime.job import NewJob
from runtime.lifecycle import JobState
from runtime.payload import MIB
from tests.store.harness import Bench, new_job


async def test_an_enqueued_job_is_as_it_was_given(bench: Bench) -> None:
    new = new_job(
        kind="thumbnail",
        args='{"path":"ä.png","sizes":[1,2.5]}',
        queue="pictures",
        priority=3,
        max_attempts=7,
        timeout_seconds=1.5,
        tags=("a", 'b,"c"\\'),
        metadata='{"user":7}',
    )

    assert await bench.store.enqueue([new]) == [True]

    job = await bench.store.get(new.id)
    assert (job.id, job.kind, job.queue, job.state) == (
        new.id,
        "thumbnail",
        "pictures",
        JobState.AVAILABLE,
    )
    assert job.args == {"path": "ä.png", "sizes": [1, 2.5]}
    assert (job.priority, job.attempt, job.max_attempts, job.run_number) == (3, 0, 7, 0)
    assert job.timeout_seconds == 1.5
    assert job.tags == ("a", 'b,"c"\\')
    assert job.metadata == {"user": 7}
    assert job.created_at == job.scheduled_at
    assert (job.attempted_at, job.finalized_at, job.cancel_requested_at) == (None, None, None)
    assert (job.node, job.output, job.failures) == (None, None, ())


async def test_a_delay_schedules_a_job_by_the_databases_clock(bench: Bench) -> None:
    (job_id,) = await bench.add(delay_seconds=90.0)

    job = await bench.store.get(job_id)
    assert job.state is JobState.SCHEDULED
    assert job.scheduled_at - job.created_at == timedelta(seconds=90)


async def test_a_time_in_the_future_schedules_and_one_in_the_past_does_not(bench: Bench) -> None:
    far, past = datetime(2101, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)
    (later,) = await bench.add(scheduled_at=far)
    (earlier,) = await bench.add(scheduled_at=past)

    assert (await bench.store.get(later)).state is JobState.SCHEDULED
    assert (await bench.store.get(later)).scheduled_at == far
    assert (await bench.store.get(earlier)).state is JobState.AVAILABLE
    assert (await bench.store.get(earlier)).scheduled_at == past


async def test_repeating_an_enqueue_adds_nothing_and_changes_nothing(bench: Bench) -> None:
    first, second = new_job(), new_job()
    await bench.store.enqueue([first])
    again = NewJob(id=first.id, kind="other", args='{"changed":true}')

    assert await bench.store.enqueue([second, again]) == [True, False]

    assert (await bench.store.get(first.id)).kind == "k"
    assert sum((await bench.store.counts()).values()) == 2


async def test_an_id_twice_in_one_call_is_new_once(bench: Bench) -> None:
    job = new_job()

    assert await bench.store.enqueue([job, new_job(), job]) == [True, True, False]


async def test_enqueueing_nothing_is_nothing(bench: Bench) -> None:
    assert await bench.store.enqueue([]) == []


async def test_args_over_the_limit_refuse_the_whole_call_with_the_index(bench: Bench) -> None:
    large = '{"x":"' + "y" * (2 * MIB - 7) + '"}'
    jobs = [new_job(), new_job(), new_job(args=large)]

    with pytest.raises(PayloadTooLarge) as caught:
        await bench.store.enqueue(jobs)

    assert caught.value.field == "args"
    assert caught.value.size == 2 * MIB + 1
    assert caught.value.limit == 2 * MIB
    assert caught.value.index == 2
    assert sum((await bench.store.counts()).values()) == 0


async def test_args_of_just_the_limit_are_taken_with_a_warning(bench: Bench) -> None:
    large = '{"x":"' + "y" * (2 * MIB - 8) + '"}'

    assert await bench.store.enqueue([new_job(args=large)]) == [True]

    assert bench.warnings == [("args", 2 * MIB)]


async def test_small_args_bring_no_warning(bench: Bench) -> None:
    await bench.add(args='{"x":"' + "y" * (MIB - 9) + '"}')

    assert bench.warnings == []


async def test_metadata_has_its_own_limit(bench: Bench) -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        await bench.add(metadata='{"x":"' + "y" * 70_000 + '"}')

    assert (caught.value.field, caught.value.limit) == ("metadata", 65_536)


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ("[1]", "$"),
        ("nothing", "$"),
        ('{"a":{"b":[1,"\\u0000"]}}', "$.a.b[1]"),
        ('{"a":9007199254740992}', "$.a"),
        ('{"a":1e999}', "$"),
        ('{"a":"\ud800"}', "$"),
    ],
)
async def test_what_json_readers_or_postgresql_would_lose_is_refused(
    bench: Bench, args: str, path: str
) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        await bench.store.enqueue([new_job(), new_job(args=args)])

    assert (caught.value.field, caught.value.path, caught.value.index) == ("args", path, 1)
    assert sum((await bench.store.counts()).values()) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"kind": ""},
        {"kind": "k" * 128},
        {"kind": "a\0b"},
        {"queue": ""},
        {"queue": "q" * 128},
        {"priority": 0},
        {"priority": 5},
        {"max_attempts": 0},
        {"max_attempts": 32_001},
        {"timeout_seconds": -1.0},
        {"timeout_seconds": float("inf")},
        {"delay_seconds": float("nan")},
        {"delay_seconds": -1.0},
        {"delay_seconds": 1e18},
        {"delay_seconds": 1.0, "scheduled_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"scheduled_at": datetime(2030, 1, 1)},
        {"tags": ("t",) * 101},
        {"tags": ("t" * 20_000,)},
        {"tags": ("\ud800",)},
    ],
)
async def test_options_that_cannot_be_are_refused(bench: Bench, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="job 1"):
        await bench.store.enqueue([new_job(), new_job(**options)])

    assert sum((await bench.store.counts()).values()) == 0


async def test_names_and_tags_of_the_greatest_length_are_taken(bench: Bench) -> None:
    await bench.add(kind="k" * 127, queue="ü" * 127, tags=('"' * 8_192,), max_attempts=32_000)


async def test_ten_thousand_jobs_go_in_one_call(bench: Bench) -> None:
    await bench.add(10_000)

    assert (await bench.store.counts())[JobState.AVAILABLE] == 10_000


async def test_what_was_ever_written_is_counted_within_seconds(bench: Bench) -> None:
    before = await bench.store.enqueued()
    await bench.add(7)

    with trio.fail_after(20):
        while await bench.store.enqueued() < before + 7:
            await bench.store.check()  # a server tells its statistics when its session does more
            await trio.sleep(0.05)

    assert await bench.store.enqueued() == before + 7
