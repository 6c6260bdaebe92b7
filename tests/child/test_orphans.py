"""Nothing outlives its owner: real nodes and fork servers, killed or frozen."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, monotonic_ns

import pytest
import trio

from actors.forkserver import ForkServer
from runtime.outcome import Completed
from tests.child.steering import (
    BOUND_SECONDS,
    Steered,
    alive,
    child_of,
    children_of,
    eventually,
    serving,
)

ROOT = Path(__file__).parents[2]


@contextmanager
def a_node(*sorts: str, lease: float | None = None) -> Iterator[tuple[int, list[int]]]:
    """A node in a process of its own: its pid, and those of its server and children."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if lease is not None:
        environment["LEASE"] = str(lease)
    program = [sys.executable, "-m", "tests.child.node_program", *sorts]
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as node:
        assert node.stdout is not None
        try:
            pids = json.loads(node.stdout.readline())
            yield node.pid, [pids["server"], *pids["children"]]
        finally:
            node.kill()


async def test_a_killed_node_leaves_nobody() -> None:
    with a_node("sync", "sync", "async") as (node, others):
        assert all(alive(pid) for pid in others)

        os.kill(node, signal.SIGKILL)

        await eventually(lambda: not any(alive(pid) for pid in others))


async def test_a_killed_fork_server_leaves_no_child() -> None:
    with a_node("sync", "async") as (node, others):
        server, *children = others
        os.kill(server, signal.SIGKILL)

        await eventually(lambda: not any(alive(pid) for pid in children))
        assert alive(node)


async def test_a_frozen_nodes_children_die_when_its_lease_is_over() -> None:
    with a_node("sync", "async", lease=3.0) as (node, others):
        server, *children = others
        os.kill(node, signal.SIGSTOP)
        began = monotonic()
        assert all(alive(pid) for pid in children)

        await eventually(lambda: not any(alive(pid) for pid in children))

        assert monotonic() - began > 0.3
        assert alive(server)


async def test_a_terminal_signal_to_the_nodes_group_is_for_the_node_alone() -> None:
    with a_node("sync") as (node, others):
        assert all(os.getpgid(pid) != os.getpgid(node) for pid in others)
        for pid in others:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
        await trio.sleep(0.2)

        assert all(alive(pid) for pid in others)


async def test_the_death_of_the_fork_server_is_its_childrens_and_another_takes_over(
    server: ForkServer,
) -> None:
    await server.kinds()
    first = server.pid
    assert first is not None
    async with child_of(server) as busy, child_of(server, 1) as idle:
        await busy.begun(await busy.hand("loop_for_ever"))

        os.kill(first, signal.SIGKILL)
        with trio.fail_after(BOUND_SECONDS):
            exits = [await busy.child.wait(), await idle.child.wait()]

        assert all(exit_.server_died and exit_.cause == "server" for exit_ in exits)
        assert not any(alive(exit_.pid) for exit_ in exits)
    async with child_of(server) as child:
        assert await child.run("give", value=1) == Completed("1")
    assert server.pid != first


async def test_a_fork_server_that_is_stuck_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actors.server_process.PING_SECONDS", 0.05)
    monkeypatch.setattr("actors.server_process.PONG_SECONDS", 0.5)
    async with serving() as server:
        async with child_of(server) as child:
            await trio.sleep(0.2)  # a few pings are answered
            stuck = server.pid
            assert stuck is not None
            os.kill(stuck, signal.SIGSTOP)

            with trio.fail_after(BOUND_SECONDS):
                assert (await child.child.wait()).server_died
        async with child_of(server) as child:
            assert await child.run("give", value=1) == Completed("1")
        assert server.pid != stuck


async def test_a_fork_server_that_takes_no_orders_is_replaced(server: ForkServer) -> None:
    async with child_of(server) as child:
        first = server.pid
        for _ in range(5000):
            child.child.ring()  # without a checkpoint: nothing is sent meanwhile

        with trio.fail_after(BOUND_SECONDS):
            assert (await child.child.wait()).server_died
        await eventually(lambda: server.pid not in (None, first))


async def test_a_fork_server_that_dies_while_a_child_is_made_is_replaced(
    server: ForkServer,
) -> None:
    """Killed at every moment of a spawn: the spawn succeeds in the end."""
    killed: set[int | None] = {None}
    for delay in (0, 0.001, 0.003, 0.006, 0.01):
        await eventually(lambda: server.pid not in killed)
        pid = server.pid
        assert pid is not None
        killed.add(pid)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill_later, pid, delay)
            async with child_of(server) as child:
                exit_ = child.child.exit
                assert exit_ is None or exit_.server_died
    async with child_of(server) as child:
        assert await child.run("give", value=1) == Completed("1")


async def kill_later(pid: int, seconds: float) -> None:
    await trio.sleep(seconds)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.measured
async def test_children_die_at_the_deadline_unless_it_is_moved_on(server: ForkServer) -> None:
    async with child_of(server) as child:
        server.set_lease_deadline(in_seconds(0.3))
        server.set_lease_deadline(in_seconds(3600))
        await trio.sleep(0.5)
        assert child.child.exit is None

        server.set_lease_deadline(in_seconds(0.05))
        with trio.fail_after(BOUND_SECONDS):
            exit_ = await child.child.wait()

        assert (exit_.signal, exit_.cause) == ("SIGKILL", "lease")


@pytest.mark.measured
async def test_no_child_is_made_while_the_lease_is_over(server: ForkServer) -> None:
    await server.kinds()
    server.set_lease_deadline(in_seconds(-1))
    with trio.move_on_after(0.2) as waiting:
        await server.spawn(0, is_async=False)
    assert waiting.cancelled_caught

    server.set_lease_deadline(in_seconds(3600))
    async with child_of(server) as child:
        assert await child.run("give", value=1) == Completed("1")


def in_seconds(seconds: float) -> int:
    return monotonic_ns() + int(seconds * 1e9)


async def test_a_stopped_fork_server_actor_leaves_nobody() -> None:
    async with serving() as server:
        child = await server.spawn(0, is_async=False)
        steered = Steered(child)
        await steered.begun(await steered.hand("loop_for_ever"))
        pids = [server.pid, child.pid]
    assert not any(alive(pid) for pid in pids if pid)
    assert (await child.wait()).server_died
    await child.close()


async def test_a_spawn_that_is_cancelled_leaves_no_child(server: ForkServer) -> None:
    await server.kinds()
    assert server.pid is not None
    for delay in (0, 0.001, 0.003, 0.006, 0.012):
        with trio.move_on_after(delay):
            child = await server.spawn(0, is_async=False)
            await child.close()
    pid = server.pid

    await eventually(lambda: not children_of(pid))
    async with child_of(server) as steered:
        assert await steered.run("give", value=1) == Completed("1")


@pytest.mark.parametrize("rounds", [20])
async def test_children_that_come_and_go_leave_no_descriptor(
    server: ForkServer, rounds: int
) -> None:
    await server.kinds()

    async def come_and_go() -> None:
        async with child_of(server) as child:
            assert await child.run("give", value=1) == Completed("1")

    await come_and_go()
    gc.collect()  # what other tests left to it may hold descriptors
    before = descriptors(os.getpid()), descriptors(server.pid or 0)
    for _ in range(rounds):
        await come_and_go()

    assert (descriptors(os.getpid()), descriptors(server.pid or 0)) == before


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
