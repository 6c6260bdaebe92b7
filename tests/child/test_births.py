"""A child that does not come to life keeps no Worker waiting."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from runtime.outcome import Completed
from tests.child import unborn_app
from tests.child.steering import child_of, serving


async def test_a_child_that_never_becomes_ready_is_killed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "unborn"
    path.touch()
    monkeypatch.setenv(unborn_app.FILE, str(path))
    monkeypatch.setattr("actors.server_process.BIRTH_SECONDS", {"fork": 1.0, "spawn": 60.0})
    async with serving("tests.child.unborn_app:app") as server:
        with trio.fail_after(20):
            unborn = await server.spawn(0, is_async=False)
            exit_ = await unborn.wait()
            await unborn.close()
        assert (exit_.signal, exit_.cause) == ("SIGKILL", "kill")
        async with child_of(server) as steered:
            assert await steered.run("hello") == Completed('"hello"')
