"""How fast a long history is replayed: with room to spare for a slow machine."""

from __future__ import annotations

import time

import pytest

from runtime import App, AsyncContext, Context
from runtime.workflow.records import Recalled
from tests.workflow.world import World

pytestmark = pytest.mark.untraced

STEPS = 10_000
SECONDS = 1.0


def number() -> int:
    return 7


@pytest.mark.parametrize("kind", ["flow", "async_flow"])
def test_ten_thousand_recorded_steps_are_replayed_within_a_second(kind: str) -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> int:
        return sum(ctx.step(f"step {each}", number) for each in range(STEPS))

    @app.workflow
    async def async_flow(ctx: AsyncContext) -> int:
        total = 0
        for each in range(STEPS):
            total += await ctx.step(f"step {each}", number)
        return total

    world = World(app, kind, page=2000)
    world.runs = 1
    world.steps = {
        str(each + 1): Recalled(str(each + 1), "step", f"step {each}", output="1")
        for each in range(STEPS)
    }
    took = []
    for _ in range(3):
        began = time.process_time()
        world.run()
        took.append(time.process_time() - began)
    assert world.output == STEPS
    assert min(took) < SECONDS
