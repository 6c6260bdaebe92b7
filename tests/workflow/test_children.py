"""Child jobs: spawned once, waited for without a worker, and collected in order."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from runtime import App, ChildFailed, ChildrenFailed, Context, Kind, UsageError
from runtime.outcome import Completed, Discarded, Suspended
from runtime.workflow.ids import child_id
from runtime.workflow.records import ChildResult, Collect, Spawn
from tests.workflow.world import JOB_ID, World


def family() -> App:
    app = App()

    @app.job
    def double(number: int) -> int:
        if number < 0:
            raise ValueError(f"{number} is negative")
        return number * 2

    @app.job
    def pair(number: int) -> tuple[int, str]:
        return number, str(number)

    @app.job(unique=True)
    def only(number: int) -> int:
        return number

    return app


def test_a_child_runs_and_its_output_comes_back_as_its_annotation_says() -> None:
    app = family()
    seen: list[Any] = []

    @app.workflow
    def flow(ctx: Context) -> None:
        seen.append(ctx.run(app.handlers["pair"], 5))
        ctx.sleep(5)

    world = World(app, "flow")
    assert isinstance(world.run(), Suspended)
    (job_id,) = world.jobs
    assert job_id == child_id(JOB_ID, "1", 0)
    assert isinstance(world.run(), Suspended)  # woken for nothing
    assert not any(isinstance(each, Collect) for each in world.asked)
    world.finish()
    assert seen == [(5, "5"), (5, "5")]
    assert sum(isinstance(each, Spawn) for each in world.asked) == 1
    assert world.runs == 5


def test_a_spawn_that_was_heard_and_not_answered_makes_no_second_child() -> None:
    app = family()

    @app.workflow
    def flow(ctx: Context) -> Any:
        return ctx.map(app.handlers["double"], [1, 2, 3])

    world = World(app, "flow")
    world.die_after = {0}
    world.finish()
    assert world.output == [2, 4, 6]
    assert len(world.jobs) == 3


def test_a_map_gives_results_in_order_whatever_order_they_end_in() -> None:
    app = family()

    @app.workflow
    def flow(ctx: Context, count: int) -> int:
        return sum(ctx.map(app.handlers["double"], range(count), max_in_flight=4))

    world = World(app, "flow", count=10)
    world.run()
    ids = list(world.jobs)
    for job_id in reversed(ids):
        world.run_child(job_id)
    world.finish()
    assert world.output == 90
    spawn = next(each for each in world.asked if isinstance(each, Spawn))
    assert spawn.step.max_in_flight == 4
    assert spawn.step.mode == "first"


def test_an_empty_map_waits_for_nothing() -> None:
    app = family()

    @app.workflow
    def flow(ctx: Context) -> Any:
        return ctx.map(app.handlers["double"], [])

    world = World(app, "flow")
    assert world.run() == Completed("[]")


def test_ten_thousand_children_are_spawned_in_chunks_and_collected() -> None:
    app = family()

    @app.workflow
    def flow(ctx: Context) -> int:
        return sum(ctx.map(app.handlers["double"], range(10_000)))

    world = World(app, "flow")
    world.run()
    spawns = [each for each in world.asked if isinstance(each, Spawn)]
    assert [each.more for each in spawns] == [True] * 9 + [False]
    assert [each.first for each in spawns] == list(range(0, 10_000, 1000))
    world.results = {job_id: ChildResult("completed", "3") for job_id in world.jobs}
    world.collected_at_once = 1000
    world.run()
    assert world.output == 30_000


def test_outputs_that_are_large_together_are_collected_again_at_replay() -> None:
    app = App()
    seen: list[int] = []

    @app.job
    def large(number: int) -> str:
        return "x" * 300_000

    @app.workflow
    def flow(ctx: Context) -> None:
        seen.append(sum(map(len, ctx.map(large, range(5)))))
        ctx.sleep(5)

    world = World(app, "flow")
    world.finish()
    assert set(seen) == {1_500_000}
    assert len(world.steps["1"].output or "") < 200


def failing(app: App, mode: Any) -> tuple[World, list[Any]]:
    seen: list[Any] = []

    @app.workflow
    def flow(ctx: Context) -> str:
        try:
            ctx.map(app.handlers["double"], [1, -2, 3, -4], failures=mode)
        except (ChildFailed, ChildrenFailed) as error:
            seen.append(error)
        ctx.sleep(5)
        return "caught"

    return World(app, "flow"), seen


def test_the_first_failure_ends_the_wait_and_is_the_same_at_replay() -> None:
    world, seen = failing(family(), "first")
    world.run()
    ids = list(world.jobs)
    world.run_child(ids[1])
    world.run()
    assert len(seen) == 1
    world.finish()
    assert world.output == "caught"
    for error in seen:
        assert (error.index, error.state, error.error_class) == (1, "discarded", "ValueError")
        assert error.job_id == ids[1]
        assert "(item 1) was discarded: ValueError: -2 is negative" in str(error)


def test_all_failures_are_told_once_all_have_ended() -> None:
    world, seen = failing(family(), "all")
    world.run()
    ids = list(world.jobs)
    world.run_child(ids[1])
    assert isinstance(world.run(), Suspended)
    assert not seen
    world.finish()
    for error in seen:
        assert (error.count, error.of) == (2, 4)
        assert [each.index for each in error.failures] == [1, 3]
        assert "2 of 4 child jobs failed" in str(error)
    assert len(seen) == 2


def test_failures_that_are_tried_again_are_waited_for_again() -> None:
    """As after `job retry`: the row of the map is open, and says still how it had failed."""
    world, seen = failing(family(), "all")
    world.run()
    for job_id in world.jobs:
        world.run_child(job_id)
    world.run()
    failed = world.steps["1"]
    world.steps = {"1": msgspec.structs.replace(failed, done=False, error=None)}
    good = ChildResult("completed", "5")
    world.results = dict.fromkeys(world.jobs, good)
    world.finish()
    assert world.output == "caught"
    assert len(seen) == 1


def test_an_uncaught_failure_of_a_child_discards_the_parent() -> None:
    app = family()

    @app.workflow
    def flow(ctx: Context) -> int:
        return ctx.run(app.handlers["double"], -1)  # type: ignore[no-any-return]

    outcome = World(app, "flow").finish()
    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class == "ChildFailed"
    assert "(item" not in outcome.failure.message


def test_a_started_job_is_enqueued_once_and_not_waited_for() -> None:
    app = family()
    ids: list[UUID] = []

    @app.workflow
    def flow(ctx: Context) -> None:
        ids.append(ctx.start(app.handlers["double"].with_options(priority=3), 5))
        ids.append(ctx.start(Kind("elsewhere"), number=5))
        ctx.sleep(5)

    world = World(app, "flow")
    world.run()
    world.pass_time(10)
    world.run()
    assert isinstance(world.outcome, Completed)
    assert ids[:2] == ids[2:] == list(world.jobs)
    _, job = world.jobs[ids[0]]
    assert (job.priority, job.args) == (3, '{"number":5}')
    assert all(spawn.detached for spawn in world.asked if isinstance(spawn, Spawn))


def test_a_unique_child_is_refused() -> None:
    app = family()

    @app.workflow
    def flow(ctx: Context) -> None:
        with pytest.raises(UsageError, match="is unique, so another job might stand for"):
            ctx.run(app.handlers["only"], 1)

    assert isinstance(World(app, "flow").run(), Completed)


def test_args_that_do_not_fit_are_refused_before_anything_is_written() -> None:
    app = family()

    @app.workflow
    def flow(ctx: Context) -> None:
        with pytest.raises(UsageError, match="number"):
            ctx.run(app.handlers["double"], "five")

    world = World(app, "flow")
    assert isinstance(world.run(), Completed)
    assert not world.jobs
