"""Handlers that reach beyond their run: forks that come back, shared memory, tracing."""

from __future__ import annotations

import pytest

from actors.forkserver import ForkServer
from runtime.outcome import Completed, Failed
from tests.child.steering import Steered, alive, child_of, eventually, one_child


@pytest.mark.parametrize("kind", ["fork_and_return", "fork_and_raise"])
async def test_a_copy_of_the_child_that_comes_back_says_nothing(child: Steered, kind: str) -> None:
    outcome = await child.run(kind)

    assert isinstance(outcome, Completed)
    copy = int(outcome.output or 0)
    assert copy > 0
    await eventually(lambda: not alive(copy))
    for number in range(20):  # `answer` fails at a run that is answered twice
        assert await child.run("give", value=number) == Completed(str(number))


async def test_a_copy_of_an_async_child_that_comes_back_says_nothing() -> None:
    async with one_child(is_async=True) as child:
        outcome = await child.run("async_fork_and_return")

        assert isinstance(outcome, Completed)
        copy = int(outcome.output or 0)
        assert copy > 0
        await eventually(lambda: not alive(copy))
        assert await child.run("async_give", value=1) == Completed("1")


async def test_memory_that_is_shared_with_the_worker_keeps_its_size(child: Steered) -> None:
    outcome = await child.run("truncate_shared_memory")

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "PermissionError"
    assert child.child.page.begun_seq == child.last_seq


async def test_a_child_that_has_itself_traced_can_be_killed(server: ForkServer) -> None:
    async with child_of(server, 0) as child, child_of(server, 1) as other:
        pid = server.pid
        seq = await child.hand("have_itself_traced")
        await child.begun(seq)
        await child.interrupt(seq, "timeout")
        assert await other.run("give", value=1) == Completed("1")

        child.child.kill()

        assert (await child.child.wait()).signal == "SIGKILL"
        assert await other.run("give", value=2) == Completed("2")
        assert server.pid == pid


@pytest.mark.parametrize("kind", ["raise_stop_itself", "async_raise_stop_itself"])
@pytest.mark.measured
async def test_a_run_that_nobody_stopped_is_not_given_back(kind: str) -> None:
    async with one_child(is_async=kind.startswith("async")) as child:
        outcome = await child.run(kind)

        assert isinstance(outcome, Failed)
        assert outcome.failure.error_class == "RunStopped"
