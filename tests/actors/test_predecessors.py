"""A node that starts where another was killed need not wait for that one's lease."""

from __future__ import annotations

import os
import subprocess
import sys

import attrs
import trio

from actors import events
from actors.heartbeat import Heartbeat
from actors.identity import process_started, this_node
from actors.predecessors import is_gone, rescue_predecessors
from actors.store.protocol import Demand, NodeInfo, NodeProcess
from runtime.lifecycle import JobState
from tests.actors.conftest import Bench, new_job


def a_dead_process() -> tuple[int, str]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_started(process.pid)
        process.kill()
    return process.pid, started


def dead_node() -> NodeInfo:
    pid, started = a_dead_process()
    return attrs.evolve(this_node(["default"], 2), pid=pid, pid_started=started)


async def state_after_start(bench: Bench, predecessor: NodeInfo) -> JobState:
    """Of a job that the other node holds, once a new one has started here."""
    other = await bench.store.join(predecessor, 1e6)
    job = new_job()
    await bench.store.enqueue([job])
    assert await bench.store.claim(other, [Demand("default", ("kind",), 1)])
    me = this_node(["default"], 2)
    await bench.start(Heartbeat(bench.store, bench.lease, me, observe=bench.seen.append).run)
    return (await bench.store.get(job.id)).state


async def test_the_jobs_of_a_dead_process_are_given_back_at_once(bench: Bench) -> None:
    before = trio.current_time()
    assert await state_after_start(bench, dead_node()) is JobState.AVAILABLE
    assert trio.current_time() - before < 1
    (rescued,) = bench.saw(events.Rescued)
    assert isinstance(rescued, events.Rescued)
    assert rescued.jobs == 1


async def test_a_living_process_keeps_its_jobs(bench: Bench) -> None:
    assert await state_after_start(bench, this_node(["default"], 2)) is JobState.RUNNING


async def test_what_cannot_be_seen_from_here_keeps_its_jobs(bench: Bench) -> None:
    elsewhere = attrs.evolve(dead_node(), boot_id="of another machine, boot or pid namespace")
    assert await state_after_start(bench, elsewhere) is JobState.RUNNING


async def test_a_database_that_does_not_answer_leaves_it_to_the_leader(bench: Bench) -> None:
    node_id = await bench.join()
    bench.store.lose_database()
    await rescue_predecessors(bench.store, node_id, bench.seen.append, seconds=5.0)
    assert bench.saw(events.StoreLost)


async def test_a_question_that_nobody_answers_does_not_cost_the_lease(bench: Bench) -> None:
    bench.store.faults.hold("neighbours")
    me = this_node(["default"], 2)
    heartbeat = Heartbeat(bench.store, bench.lease, me, lease_seconds=6.0, heartbeat_seconds=2.0)
    with trio.fail_after(2.5):
        await bench.start(heartbeat.run)
    node_id = bench.lease.node_id
    await trio.sleep(100.0)

    assert bench.lease.held
    assert bench.lease.node_id == node_id


def test_only_the_very_process_counts() -> None:
    pid = os.getpid()
    assert not is_gone(NodeProcess(1, pid, process_started(pid)))
    assert is_gone(NodeProcess(1, pid, "1"))  # the pid was given to another process: us
    assert not is_gone(NodeProcess(1, pid, ""))  # nobody could say when it was started
