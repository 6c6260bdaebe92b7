"""Jobs of a graph: they begin when what they come after has ended, or are skipped."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import attrs
import msgspec

from actors.store.protocol import RunRecords
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from runtime.workflow.ids import child_id
from runtime.workflow.records import (
    Collected,
    Dependency,
    Recorded,
    Spawn,
    StepError,
    StepRecord,
)
from tests.store.contract.test_going_on import record, retried
from tests.store.harness import OOPS, Bench, ack_of, new_job

A, C, D, P = JobState.AVAILABLE, JobState.COMPLETED, JobState.DISCARDED, JobState.PENDING
X = JobState.CANCELLED


@attrs.frozen
class Family:
    """A workflow with a graph: a job a letter."""

    bench: Bench
    parent: ClaimedJob
    letters: str

    def id(self, letter: str) -> UUID:
        return child_id(self.parent.id, "1", self.letters.index(letter))

    async def states(self) -> list[JobState]:
        return [await self.bench.state(self.id(letter)) for letter in self.letters]

    async def end(self, letters: str, state: JobState = C) -> None:
        """These have run, and ended so; as a node does: write, commit, and look."""
        claimed = await self.bench.claim(await self.bench.node(), kinds=("child",))
        by_id = {job.id: job for job in claimed}
        failure = OOPS if state is D else None
        chosen = [by_id.pop(self.id(letter)) for letter in letters]
        acked = await self.bench.store.ack([ack_of(job, state, failure=failure) for job in chosen])
        assert acked.parents == (self.parent.id,)
        for job in by_id.values():
            await self.bench.store.ack([ack_of(job, A, counted=False)])
        await self.bench.store.wake(acked.parents)


async def graph(
    bench: Bench,
    letters: str,
    after: Mapping[str, str],
    mode: str = "finish",
    tolerant: str = "",
    **options: object,
) -> Family:
    """after: to letters, those that they come after. tolerant: letters that may fail."""
    family = Family(bench, await bench.run_one(), letters)
    held = "".join(after)
    jobs = tuple(
        new_job(id=family.id(each), kind="child", held=each in held, **options) for each in letters
    )
    entries = [
        Dependency(
            tuple(
                family.id(each).bytes for each in sorted(needed, key=lambda one: one in tolerant)
            ),
            sum(each not in tolerant for each in needed),
            tuple(family.id(each).bytes for each in waiting),
        )
        for waiting, needed in after.items()
    ]
    step = StepRecord("1", "map", "graph", done=False, mode=mode)
    ask = Spawn(step, jobs, after=tuple(entries))
    for _ in range(2):  # a repetition adds nothing
        (answer,) = await bench.store.record([RunRecords(family.parent.id, 1, ask)])
        assert isinstance(answer, Recorded)
    suspended = ack_of(family.parent, P, delay_seconds=None, counted=False)
    await bench.store.ack([suspended])
    assert await bench.store.wake([family.parent.id]) == 0
    return family


async def test_jobs_begin_once_all_that_they_come_after_have_ended(bench: Bench) -> None:
    family = await graph(bench, "abcde", {"c": "ab", "d": "c"})
    assert await family.states() == [A, A, P, P, A]

    await family.end("a")
    assert await family.states() == [C, A, P, P, A]
    await family.end("b")
    assert await family.states() == [C, C, A, P, A]
    await family.end("c")
    await family.end("de")

    assert await family.states() == [C] * 5
    assert await bench.state(family.parent.id) is A


async def test_those_that_wait_for_the_same_begin_together(bench: Bench) -> None:
    family = await graph(bench, "abcdef", {"cde": "ab", "f": "cde"})
    await family.end("b")
    assert await family.states() == [A, C, P, P, P, P]
    await family.end("a")
    assert await family.states() == [C, C, A, A, A, P]
    await family.end("dec")
    assert (await family.states())[-1] is A


async def test_what_comes_after_a_failure_is_skipped_however_far(bench: Bench) -> None:
    family = await graph(bench, "abcdef", {"c": "ab", "d": "c", "e": "d", "f": "b"})
    await family.end("a", D)
    assert await family.states() == [D, A, P, P, P, P]  # not before all have ended
    await family.end("b")
    assert await family.states() == [D, C, X, X, X, A]
    await family.end("f")

    again = await bench.claim(await bench.node())
    assert [job.id for job in again] == [family.parent.id]
    found = await bench.store.collect(
        family.parent.id, again[0].run_number, [family.id(each) for each in "acf"]
    )
    assert isinstance(found, Collected)
    failed, skipped, well = found.results
    assert (failed.error_class, failed.kind) == (OOPS.error_class, "child")
    assert skipped.message.startswith(
        f"skipped: job {family.id('a')}, which it comes after, is disc"
    )
    assert (skipped.state, skipped.error_class, well.message) == ("cancelled", "", "")


async def test_who_may_do_without_begins_after_a_failure_too(bench: Bench) -> None:
    family = await graph(bench, "abcd", {"c": "ab", "d": "c"}, tolerant="a")
    await family.end("a", D)
    await family.end("b")
    assert await family.states() == [D, C, A, P]

    family = await graph(bench, "abc", {"c": "ab"}, tolerant="a")
    await family.end("b", D)
    await family.end("a")
    assert await family.states() == [C, D, X]


async def test_once_one_has_failed_nothing_more_begins_if_so_chosen(bench: Bench) -> None:
    family = await graph(bench, "abcd", {"c": "a", "d": "c"}, mode="stop")
    await family.end("b", D)
    assert await family.states() == [A, D, X, X]
    await family.end("a")
    assert await bench.state(family.parent.id) is A


async def test_a_job_that_is_tried_again_is_waited_for_again(bench: Bench) -> None:
    family = await graph(bench, "abc", {"c": "ab"})
    await family.end("a")
    await bench.store.retry(family.id("a"))
    await family.end("b")
    assert await family.states() == [A, C, P]
    await family.end("a")
    assert await family.states() == [C, C, A]


async def test_a_job_that_is_gone_counts_as_failed(bench: Bench) -> None:
    family = await graph(bench, "abc", {"c": "ab"})
    await bench.store.delete(family.id("a"))
    await family.end("b")
    assert await bench.state(family.id("c")) is X


async def test_a_paused_job_begins_when_it_is_resumed(bench: Bench) -> None:
    family = await graph(bench, "ab", {"b": "a"})
    await bench.store.pause_job(family.id("b"))
    await family.end("a")
    assert await family.states() == [C, P]
    await bench.store.resume_job(family.id("b"))
    await bench.store.wake([family.parent.id])
    assert await family.states() == [C, A]


async def test_what_a_dead_node_did_not_look_at_the_sweep_finds(bench: Bench) -> None:
    family = await graph(bench, "abc", {"b": "a", "c": "b"})
    (job,) = await bench.claim(await bench.node(), kinds=("child",))
    await bench.store.ack([ack_of(job, D, failure=OOPS)])
    await bench.store.sweep_waits(100)
    assert await family.states() == [D, X, X]
    assert await bench.state(family.parent.id) is A


async def test_a_cancelled_workflow_takes_its_graph_with_it(bench: Bench) -> None:
    family = await graph(bench, "abc", {"b": "a"})
    await bench.store.cancel(family.parent.id)
    await bench.store.wake([family.parent.id])
    assert await family.states() == [X, X, X]


async def test_a_retried_graph_goes_on_from_what_failed(bench: Bench) -> None:
    family = await graph(bench, "abcde", {"c": "ab", "d": "c", "e": "b"})
    await family.end("a", D)
    await family.end("b")
    await family.end("e")
    assert await family.states() == [D, C, X, X, C]
    (again,) = await bench.claim(await bench.node())
    failed = StepError("GraphFailed", "a")
    await record(bench, again, StepRecord("1", "map", "graph", error=failed, mode="finish"))

    history = await retried(bench, again)

    assert [(one.place, one.done, one.over) for one in history.steps] == [("1", False, False)]
    assert await family.states() == [A, C, P, P, C]
    await family.end("a")
    assert await family.states() == [C, C, A, P, C]
    await family.end("c")
    await family.end("d")
    assert await family.states() == [C] * 5


async def test_failed_children_of_a_bounded_map_are_held_again(bench: Bench) -> None:
    family = Family(bench, await bench.run_one(), "abcdef")
    jobs = tuple(new_job(id=family.id(each), kind="child") for each in family.letters)
    step = StepRecord("1", "map", "child", done=False, mode="all", max_in_flight=2)
    await bench.store.record([RunRecords(family.parent.id, 1, Spawn(step, jobs))])
    for letters in ("ab", "cd", "ef"):
        await family.end(letters, C if letters == "cd" else D)
    error = StepError("ChildrenFailed", "4")
    failed = StepRecord("1", "map", "child", error=error, mode="all", max_in_flight=2)
    await record(bench, family.parent, failed)

    await retried(bench, family.parent)
    await bench.store.wake([family.parent.id])

    states = await family.states()
    assert (states.count(A), states.count(P), states.count(C)) == (2, 2, 2)
    for left in (A, A, A, A):
        begun = (await family.states()).index(left)
        assert (await family.states()).count(A) <= 2
        await family.end(family.letters[begun])
    assert await family.states() == [C] * 6


async def test_the_sweep_finds_children_that_are_held_again(bench: Bench) -> None:
    family = Family(bench, await bench.run_one(), "abc")
    jobs = tuple(new_job(id=family.id(each), kind="child") for each in family.letters)
    step = StepRecord("1", "map", "child", done=False, mode="all", max_in_flight=1)
    await bench.store.record([RunRecords(family.parent.id, 1, Spawn(step, jobs))])
    for letter in "abc":
        await family.end(letter, D)
    error = StepError("ChildrenFailed", "3")
    await record(bench, family.parent, msgspec.structs.replace(step, done=True, error=error))
    await bench.store.ack([ack_of(family.parent, D, failure=OOPS)])
    await bench.store.retry(family.parent.id)
    (again,) = await bench.claim(await bench.node())
    await bench.store.ack([ack_of(again, P, delay_seconds=None, counted=False)])

    for left in (2, 1, 0):
        await bench.store.sweep_waits(100)
        assert (await family.states()).count(P) == left
        (child,) = await bench.claim(await bench.node(), kinds=("child",))
        await bench.store.ack([ack_of(child)])  # and its node dies, before it looks


async def test_a_graph_of_a_new_round_is_one_of_its_own(bench: Bench) -> None:
    family = await graph(bench, "ab", {"b": "a"})
    await family.end("a")
    await family.end("b")
    (again,) = await bench.claim(await bench.node())
    await record(bench, again, StepRecord("0", "continue", "1", output="{}"))
    family = Family(bench, again, "__ab")
    first, second = (family.id(each) for each in "ab")
    jobs = (new_job(id=first, kind="child"), new_job(id=second, kind="child", held=True))
    step = StepRecord("1", "map", "graph", done=False, mode="finish")
    after = (Dependency((first.bytes,), 1, (second.bytes,)),)
    await bench.store.record(
        [RunRecords(again.id, again.run_number, Spawn(step, jobs, after=after))]
    )
    await bench.store.ack([ack_of(again, P, delay_seconds=None, counted=False)])
    await family.end("a")
    assert await bench.state(second) is A


async def test_a_job_whose_deadline_came_while_it_waited_waits_again(bench: Bench) -> None:
    family = await graph(bench, "ab", {"b": "a"}, expires_seconds=10.0)
    (first,) = await bench.claim(await bench.node(), kinds=("child",))
    bench.hands.pass_time(11)
    assert await bench.store.expire(10) == 1
    await bench.store.ack([ack_of(first, D, failure=OOPS)])
    await bench.store.wake([family.parent.id])
    (again,) = await bench.claim(await bench.node())
    failed = StepError("GraphFailed", "a")
    await record(bench, again, StepRecord("1", "map", "graph", error=failed, mode="finish"))

    await retried(bench, again)

    assert await bench.store.expire(10) == 0
    assert await family.states() == [A, P]
    await family.end("a")
    assert await family.states() == [C, A]
