"""A namespace that is switched off: nothing comes in, nothing is claimed, what runs goes on."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import trio

from actors.store.protocol import Demand, RunRecords
from runtime.errors import NamespaceDisabled, StoreUnavailable
from runtime.lifecycle import JobState
from runtime.limits import QueueLimits
from runtime.workflow.records import Record, Recorded, Spawn, StepRecord
from tests.store.harness import Bench, ack_of, new_job, refusal
from tests.store.tables import Tables


@pytest.fixture
def switched(tables: Tables) -> Iterator[Tables]:
    """Switched on again in the end, for the tables are shared."""
    yield tables
    tables.connection.execute("SELECT enable_namespace()")


async def test_what_runs_ends_and_nothing_else_begins(bench: Bench, switched: Tables) -> None:
    await bench.add(3)
    await bench.add(1, delay_seconds=60.0)
    node = await bench.node()
    first, second = await bench.claim(node, 2)
    switched.connection.execute("SELECT disable_namespace()")

    with pytest.raises(NamespaceDisabled, match="disabled"):
        await bench.add()
    assert issubclass(NamespaceDisabled, StoreUnavailable)  # actors that enqueue try again later
    with pytest.raises(psycopg.DatabaseError, match="disabled"):
        switched.connection.execute("SELECT enqueue('k')")
    with (
        pytest.raises(psycopg.DatabaseError, match="disabled"),
        switched.connection.cursor().copy("COPY job (id, kind) FROM STDIN") as copy,
    ):
        copy.write(b"01900000-0000-7000-8000-000000000001\tk\n")
    bench.hands.pass_time(120.0)
    assert (await bench.store.stage(10)).jobs == 1
    assert await bench.claim(await bench.node()) == []
    acked = await bench.store.ack(
        [ack_of(first), ack_of(second, JobState.RETRYABLE, delay_seconds=9.0)]
    )
    assert acked.written == 2

    switched.connection.execute("SELECT enable_namespace()")
    await bench.add()
    assert len(await bench.claim(await bench.node())) == 3


async def test_nothing_is_claimed_from_queues_with_limits_either(
    bench: Bench, switched: Tables
) -> None:
    bench.hands.limit("default", QueueLimits(concurrency=5))
    await bench.add(3)
    node = await bench.node()
    switched.connection.execute("SELECT disable_namespace()")
    demand = [Demand("default", ("k",), 9)]

    with trio.fail_after(10):
        assert (await bench.store.claim_limited(node, demand)).jobs == []
    switched.connection.execute("SELECT enable_namespace()")

    assert len((await bench.store.claim_limited(node, demand)).jobs) == 3


async def test_nodes_are_woken_when_it_is_switched_on(bench: Bench, switched: Tables) -> None:
    await bench.node()
    run = switched.connection.execute
    assert run("SELECT disable_namespace()").fetchone() == (True,)
    assert run("SELECT disable_namespace()").fetchone() == (False,)
    run('LISTEN "headrace.wakeup"')

    assert run("SELECT enable_namespace()").fetchone() == (True,)

    (note,) = switched.connection.notifies(timeout=10, stop_after=1)
    assert note.payload == "default"


async def test_a_workflow_has_its_children_later(bench: Bench, switched: Tables) -> None:
    job = await bench.run_one()
    switched.connection.execute("SELECT disable_namespace()")
    spawn = Spawn(StepRecord("1", "run", "child", done=False), (new_job(kind="child"),))
    step = Record((StepRecord("2", "step", "s"),))

    children, recorded = await bench.store.record(
        [RunRecords(job.id, 1, spawn), RunRecords(job.id, 1, step)]
    )

    assert refusal(children).kind == "later"
    assert isinstance(recorded, Recorded)  # what runs goes on
    switched.connection.execute("SELECT enable_namespace()")
    (children,) = await bench.store.record([RunRecords(job.id, 1, spawn)])
    assert isinstance(children, Recorded)
