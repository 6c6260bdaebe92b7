"""What a node does of a step that goes on beyond its timeout, by the run page alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

import pytest

from actors.child import Child
from actors.ladder import Ladder
from actors.limits import CLOSEST_SECONDS, STEP_SECONDS, Limits, limits_of
from actors.runs import HeldRun, Runs
from runtime.child.page import RunPage, new_page_file
from runtime.job import ClaimedJob, KindInfo

FLOW = KindInfo("flow", workflow=True)
GRACE_SECONDS = 10.0


class Stage:
    """A child's page, a run of it, and the kills that are asked for."""

    def __init__(self, page: RunPage) -> None:
        self.page = page
        self.pid = 0
        self.killed: list[tuple[str, HeldRun]] = []
        self.runs = Runs()
        job = ClaimedJob(UUID(int=1), 1, "flow", "default", "{}", 1, 25, None, "{}", 0.0)
        self.run = self.runs.add(job, FLOW, None)
        self.run.begun_at = 0.0
        page.begin(self.run.seq, 1)

    async def kill(self, reason: str, run: HeldRun) -> None:
        self.killed.append((reason, run))

    def limits(self, **kinds: KindInfo) -> Limits | None:
        def ignore(*_: Any) -> None: ...

        ladder = Ladder(self.runs, GRACE_SECONDS, ignore, ignore, self.kill)
        return limits_of(self.runs, cast("Child", self), kinds, ladder)


@pytest.fixture
def stage() -> Iterator[Stage]:
    fd = new_page_file()
    page = RunPage(fd)
    os.close(fd)
    yield Stage(page)
    page.close()


def _past(seconds: float) -> int:
    return time.monotonic_ns() - int(seconds * 1e9)


async def test_a_step_is_killed_a_grace_after_its_timeout(stage: Stage) -> None:
    limits = stage.limits(flow=FLOW)
    assert limits is not None
    assert await limits.step(100.0) == 100.0 + STEP_SECONDS
    stage.page.limit_step(_past(GRACE_SECONDS - 0.2))
    assert await limits.step(100.1) == 100.0 + STEP_SECONDS, "it looks now and then"
    soon = await limits.step(101.0)
    assert 101.0 + CLOSEST_SECONDS <= soon <= 101.2
    assert stage.killed == []

    stage.page.limit_step(_past(GRACE_SECONDS + 0.1))
    await limits.step(102.0)
    await limits.step(103.0)
    assert stage.killed == [("step", stage.run)]
    assert stage.run.reason == "step"


async def test_a_step_that_has_ended_or_is_of_another_run_harms_nobody(stage: Stage) -> None:
    limits = stage.limits(flow=FLOW)
    assert limits is not None
    stage.page.limit_step(_past(GRACE_SECONDS * 2))
    stage.page.end_step()
    await limits.step(100.0)
    stage.page.limit_step(_past(GRACE_SECONDS * 2))
    stage.runs.pop(stage.run.seq)
    assert await limits.step(200.0) == float("inf"), "it holds no run"
    stage.run = stage.runs.add(stage.run.job, FLOW, None)
    await limits.step(300.0)
    assert stage.killed == []


async def test_a_run_that_is_being_stopped_is_left_to_the_ladder(stage: Stage) -> None:
    limits = stage.limits(flow=FLOW)
    assert limits is not None
    stage.page.limit_step(_past(GRACE_SECONDS * 2))
    stage.run.reason = "cancel"
    await limits.step(100.0)
    assert stage.killed == []


def test_only_plain_workflows_and_limited_kinds_are_looked_after(stage: Stage) -> None:
    assert stage.limits(plain=KindInfo("plain")) is None
    assert stage.limits(flow=KindInfo("flow", workflow=True, is_async=True)) is None
    assert stage.limits(heavy=KindInfo("heavy", memory_mib=100)) is not None


async def test_a_step_that_ends_once_all_have_stood_still_is_not_killed(stage: Stage) -> None:
    """Its node and its child were stopped for longer than the grace, and go on now."""
    limits = stage.limits(flow=FLOW)
    assert limits is not None
    stage.page.limit_step(_past(GRACE_SECONDS * 2))
    await limits.step(100.0)
    stage.page.end_step()
    await limits.step(101.0)
    stage.page.limit_step(_past(GRACE_SECONDS * 2))  # another one
    await limits.step(102.0)
    assert stage.killed == []
