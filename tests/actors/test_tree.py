"""The supervisor of the Workers: how many of their crashes end the node."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import attrs
import pytest
import trio

from actors.kit import Life, SupervisorEscalated
from actors.parts import Parts
from actors.tenure_settings import TenureSettings
from actors.tree import workers
from runtime.config import Config


@attrs.define
class Actor:
    """Serves; or crashes again and again, a second after it has begun."""

    number: int = 0
    settings: TenureSettings = attrs.field(factory=TenureSettings)
    crashes: bool = False

    async def run(self, life: Life) -> None:
        life.started()
        if self.crashes:
            await trio.sleep(1)
            raise RuntimeError("children keep dying")
        await life.wait_stopping()

    def leave(self) -> None: ...


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("count", [0, 32])
async def test_a_worker_that_crashes_all_the_time_ends_them_all(count: int) -> None:
    """However many others there are for flows."""
    flows = [Actor(2 + number, TenureSettings(beside=True)) for number in range(count)]
    some = [Actor(0, crashes=True), Actor(1, TenureSettings(is_async=True)), *flows]
    parts = SimpleNamespace(config=Config(workers=1), forkserver=Actor(), workers=some)
    with trio.fail_after(60), pytest.raises(SupervisorEscalated):
        await workers(cast("Parts", parts)).run(Life("workers"))
