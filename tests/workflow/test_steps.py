"""Steps: what is recorded, what is replayed, and what is done again."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from runtime import App, Context
from runtime.outcome import Completed
from tests.workflow.world import World


def test_a_workflow_of_two_steps_runs() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context, x: int) -> int:
        a = ctx.step("a", lambda: x + 1)
        ctx.sleep(100)
        return ctx.step("b", lambda: a * 2)

    world = World(app, "flow", x=3)
    assert isinstance(world.finish(), Completed)
    assert world.output == 8
    assert world.runs == 2
