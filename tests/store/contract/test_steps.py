"""What a run records of its steps, and is told of them again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.store.protocol import RunRecords
from runtime.ids import uuid7
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from runtime.workflow.records import (
    Answer,
    History,
    Record,
    Recorded,
    Refused,
    Spawn,
    StepError,
    StepRecord,
)
from tests.store.harness import Bench, ack_of, new_job, refusal

MIB = 1024 * 1024


def step(place: str = "1", name: str = "resize", op: str = "step", **more: Any) -> StepRecord:
    return StepRecord(place, op, name, **more)


async def record(bench: Bench, job: ClaimedJob, *steps: StepRecord) -> Answer:
    """Have steps recorded, in one ask."""
    (answer,) = await bench.store.record([RunRecords(job.id, job.run_number, Record(steps))])
    return answer


async def history(bench: Bench, job: ClaimedJob, after: str | None = None) -> History:
    found = await bench.store.recall(job.id, job.run_number, after)
    assert isinstance(found, History)
    return found


async def next_run(bench: Bench, job: ClaimedJob) -> ClaimedJob:
    """Give the job back, and let it run again."""
    await bench.store.release([(job.id, job.run_number)])
    (again,) = await bench.claim(await bench.node())
    return again


async def test_a_recorded_step_is_told_to_the_next_run(bench: Bench) -> None:
    job = await bench.run_one()
    done = step(output='{"b":1,"a":[1.50,2e2]}', attempts=2, seconds=0.5)
    failed = step("2", "send", error=StepError("ValueError", "no such address"))

    assert isinstance(await record(bench, job, done), Recorded)
    assert isinstance(await record(bench, job, failed), Recorded)

    told = await history(bench, await next_run(bench, job))
    assert not told.more
    first, second = told.steps
    assert (first.place, first.op, first.name, first.done) == ("1", "step", "resize", True)
    assert (first.output, first.attempts) == ('{"b":1,"a":[1.50,2e2]}', 2)  # to the letter
    assert (second.output, second.error) == (None, StepError("ValueError", "no such address"))


async def test_only_the_running_run_records(bench: Bench) -> None:
    job = await bench.run_one()
    again = await next_run(bench, job)

    assert await record(bench, job, step()) == await record(
        bench, msgspec.structs.replace(again, run_number=9), step()
    )
    lost = await record(bench, job, step())
    assert refusal(lost).kind == "lost"
    assert isinstance(await bench.store.recall(job.id, job.run_number), Refused)
    assert (await history(bench, again)).steps == ()


async def test_a_job_that_is_not_there_has_nothing_to_record(bench: Bench) -> None:
    (answer,) = await bench.store.record([RunRecords(uuid7(), 1, Record((step(),)))])
    assert refusal(answer).kind == "lost"


async def test_to_record_again_changes_nothing(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, step(output="1"))

    assert isinstance(await record(bench, job, step(output="2")), Recorded)

    (told,) = (await history(bench, job)).steps
    assert told.output == "1"


async def test_what_an_earlier_run_has_done_is_refused_to_a_later_one(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, step(output="1"))
    again = await next_run(bench, job)

    answer = await record(bench, again, step(output="2"))

    assert refusal(answer).kind == "invalid"
    assert "earlier run" in refusal(answer).message or "recorded already" in refusal(answer).message
    assert [one.output for one in (await history(bench, again)).steps] == ["1"]


async def test_an_open_step_is_overwritten_and_then_done(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, step(done=False, attempts=1, until_seconds=60))
    again = await next_run(bench, job)
    (waiting,) = (await history(bench, again)).steps
    assert (waiting.done, waiting.over) == (False, False)
    assert waiting.until == pytest.approx((await history(bench, again)).now + 60, abs=5)

    bench.hands.pass_time(61)
    assert (await history(bench, again)).steps[0].over
    await record(bench, again, step(output="3", attempts=2))

    (told,) = (await history(bench, again)).steps
    assert (told.done, told.output, told.attempts, told.until) == (True, "3", 2, None)


async def test_a_time_may_be_given_by_the_databases_clock(bench: Bench) -> None:
    job = await bench.run_one()
    recorded = await record(bench, job, step())
    assert isinstance(recorded, Recorded)
    assert recorded.now == pytest.approx((await history(bench, job)).now, abs=5)

    await record(bench, job, step("2", "nap", "sleep", done=False, until=recorded.now + 100))

    assert (await history(bench, job)).steps[1].until == pytest.approx(recorded.now + 100, abs=0.01)


async def test_a_batch_is_answered_ask_by_ask(bench: Bench) -> None:
    job = await bench.run_one()
    asks = [
        RunRecords(job.id, 1, Record((step("1", output="1"), step("2", output="2")))),
        RunRecords(job.id, 7, Record((step("3"),))),
        RunRecords(job.id, 1, Record((step("4", "large", output=f'"{"x" * 2 * MIB}"'),))),
        RunRecords(job.id, 1, Record((step("5", output="5"),))),
        RunRecords(uuid7(), 1, Record((step("6"),))),
    ]

    first, second, third, fourth, fifth = await bench.store.record(asks)

    assert isinstance(first, Recorded)
    assert isinstance(fourth, Recorded)
    assert refusal(second).kind == "lost"
    assert refusal(third).kind == "too_large"
    assert 'output of step "large" (4) is 2,097,154 bytes' in refusal(third).message
    assert refusal(fifth).kind == "lost"
    assert [one.place for one in (await history(bench, job)).steps] == ["1", "2", "5"]


async def test_the_first_pages_of_several_histories_are_read_at_once(bench: Bench) -> None:
    jobs = [await bench.run_one() for _ in range(4)]
    await record(bench, jobs[0], step(output="0"), step("2", "go", "signal", done=False))
    bench.hands.send_signal(jobs[0].id, "go", '{"n":1}')
    await record(bench, jobs[2], *(step(str(place), output="2") for place in range(300)))
    asked = [*jobs, msgspec.structs.replace(jobs[1], run_number=7)]

    found = await bench.store.recall_first([(job.id, job.run_number) for job in asked])

    lost = found.pop()
    assert isinstance(lost, Refused)
    assert lost.kind == "lost"
    pages = [page for page in found if isinstance(page, History)]
    for job, page in zip(jobs, pages, strict=True):
        whole = await history(bench, job)
        assert page.steps == whole.steps[: len(page.steps)]
        assert page.more or page.signals == whole.signals
        assert page.more == (len(page.steps) < len(whole.steps))
    assert [len(page.signals) for page in pages] == [1, 0, 0, 0]


async def test_children_of_several_workflows_are_written_at_once_though_one_is_refused(
    bench: Bench,
) -> None:
    jobs = [await bench.run_one() for _ in range(4)]
    late = msgspec.structs.replace(jobs[1], run_number=7)

    def spawn(job: ClaimedJob, **more: Any) -> RunRecords:
        open_step = step("1", "k", "run", done=False, mode="first")
        return RunRecords(job.id, job.run_number, Spawn(open_step, (new_job(**more),)))

    found = await bench.store.record([spawn(job) for job in (jobs[3], late, jobs[0])])
    assert [type(each) for each in found] == [Recorded, Refused, Recorded]

    unique: dict[str, Any] = {"unique_key": b"k" * 32, "unique_states": "11111001"}
    await bench.add(**unique)
    found = await bench.store.record([spawn(jobs[2]), spawn(jobs[1], **unique)])
    assert [type(each) for each in found] == [Recorded, Refused]
    for job, steps in zip(jobs, (1, 0, 1, 1), strict=True):
        assert len((await history(bench, job)).steps) == steps


async def test_a_large_output_brings_a_warning(bench: Bench) -> None:
    job = await bench.run_one()

    await record(bench, job, step(output=f'"{"x" * MIB}"'))

    assert bench.warnings == [("output", MIB + 2)]


async def test_what_cannot_be_kept_is_refused_alone(bench: Bench) -> None:
    job = await bench.run_one()
    asks = [
        RunRecords(job.id, 1, Record((step("1", output="1"),))),
        RunRecords(job.id, 1, Record((step("2", output='"a\\u0000b"'),))),
        RunRecords(job.id, 1, Record((step("3", name="x" * 128),))),
        RunRecords(job.id, 1, Record((step("4", output="4"),))),
    ]

    answers = await bench.store.record(asks)

    kinds = [one.kind if isinstance(one, Refused) else "" for one in answers]
    assert kinds == ["", "invalid", "invalid", ""]
    assert [one.place for one in (await history(bench, job)).steps] == ["1", "4"]


async def test_a_long_history_comes_in_pages(bench: Bench) -> None:
    job = await bench.run_one()
    places = [str(number) for number in range(1, 4_501)]
    await record(bench, job, *(step(place, output=place) for place in places))

    pages = [await history(bench, job)]
    while pages[-1].more:
        pages.append(await history(bench, job, pages[-1].steps[-1].place))

    assert [len(page.steps) for page in pages] == [2_000, 2_000, 500]
    told = [one.place for page in pages for one in page.steps]
    assert told == sorted(places)


async def test_a_page_holds_four_mebibytes(bench: Bench) -> None:
    job = await bench.run_one()
    large = f'"{"x" * (2 * MIB - 100)}"'
    for place in "123":
        await record(bench, job, step(place, output=large))

    first = await history(bench, job)
    second = await history(bench, job, "2")

    assert ([one.place for one in first.steps], first.more) == (["1", "2"], True)
    assert ([one.place for one in second.steps], second.more) == (["3"], False)


async def test_what_is_published_can_be_read_while_it_runs(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, step("1", "progress", "publish", output="1", publish=True))
    assert bench.hands.published(job.id, "progress") == "1"

    await record(bench, job, step("2", "progress", "publish", output="2", publish=True))

    assert bench.hands.published(job.id, "progress") == "2"
    assert bench.hands.published(job.id, "other") is None


async def test_a_workflow_begins_anew_with_other_args(bench: Bench) -> None:
    job = await bench.run_one(args='{"round":1}')
    await record(bench, job, step(output="1"))
    for number in (1, 2):
        anew = step("0", str(number), "continue", output=f'{{"round":{number + 1}}}')
        assert isinstance(await record(bench, job, anew), Recorded)
        assert isinstance(await record(bench, job, anew), Recorded)  # its answer may be lost

        job = await next_run(bench, job)
        assert msgspec.json.decode(job.args) == {"round": number + 1}
        told = (await history(bench, job)).steps
        assert [(one.place, one.op, one.name) for one in told] == [("0", "continue", str(number))]
        await record(bench, job, step(output="1"))


async def test_a_late_run_cannot_begin_it_anew(bench: Bench) -> None:
    job = await bench.run_one(args='{"round":1}')
    again = await next_run(bench, job)

    late = await record(bench, job, step("0", "1", "continue", output='{"round":2}'))

    assert refusal(late).kind == "lost"
    assert (await bench.store.get(again.id)).args == {"round": 1}


async def test_what_hangs_on_a_job_goes_with_it(bench: Bench) -> None:
    job = await bench.run_one()
    await record(bench, job, step(output="1", publish=True))
    await bench.store.ack([ack_of(job)])

    assert await bench.store.delete(job.id)

    assert bench.hands.published(job.id, "resize") is None


async def test_a_cancellation_is_told_with_the_history(bench: Bench) -> None:
    job = await bench.run_one()
    assert not (await history(bench, job)).cancelled

    await bench.store.cancel(job.id)

    assert (await history(bench, job)).cancelled


async def test_a_suspended_run_gives_its_attempt_back(bench: Bench) -> None:
    job = await bench.run_one()
    placed = (await bench.store.get(job.id)).scheduled_at

    await bench.store.ack([ack_of(job, JobState.PENDING, delay_seconds=None, counted=False)])

    shown = await bench.store.get(job.id)
    assert (shown.state, shown.attempt, shown.run_number) == (JobState.PENDING, 0, 1)
    assert shown.scheduled_at == placed
