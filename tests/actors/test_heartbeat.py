"""The Heartbeat: the lease is over for us before it is for anyone else."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import events
from actors.heartbeat import MARGIN_SECONDS, Heartbeat
from actors.kit import Life
from actors.lease import LeaseLost
from tests.actors.conftest import NODE, Bench


def heartbeat_of(bench: Bench, deadlines: list[float] | None = None) -> Heartbeat:
    told = deadlines.append if deadlines is not None else lambda deadline: None
    return Heartbeat(
        bench.store,
        bench.lease,
        NODE,
        lease_seconds=20.0,
        heartbeat_seconds=5.0,
        on_deadline=told,
        observe=bench.seen.append,
    )


async def test_the_lease_is_prolonged_for_as_long_as_the_database_answers(bench: Bench) -> None:
    await bench.start(heartbeat_of(bench).run)
    await trio.sleep(1000)

    assert bench.lease.held
    assert (await bench.store.nodes())[0].live
    assert bench.store.faults.calls["renew"] == pytest.approx(200, abs=2)


async def test_a_deadline_counts_from_before_the_renewal_was_sent(bench: Bench) -> None:
    deadlines: list[float] = []
    bench.store.faults.slow("renew", 3.0)
    await bench.start(heartbeat_of(bench, deadlines).run)
    joined_at = trio.current_time()
    await trio.sleep(8.5)

    assert deadlines == [joined_at + 20 - MARGIN_SECONDS, joined_at + 5 + 20 - MARGIN_SECONDS]


async def test_a_short_outage_does_not_end_the_lease(bench: Bench) -> None:
    await bench.start(heartbeat_of(bench).run)
    bench.store.lose_database()
    await trio.sleep(12)
    bench.store.find_database()
    await trio.sleep(12)

    assert bench.lease.held


async def test_a_long_outage_ends_the_lease_before_the_database_does(bench: Bench) -> None:
    heartbeat = heartbeat_of(bench)
    started = trio.Event()
    life = Life("heartbeat", on_started=started.set)
    with pytest.raises(ExceptionGroup) as raised:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(heartbeat.run, life)
            await started.wait()
            joined_at = trio.current_time()
            bench.store.lose_database()
            await bench.lease.wait_lost()

            assert trio.current_time() <= joined_at + 20 - MARGIN_SECONDS
    assert raised.group_contains(LeaseLost)
    assert len(bench.saw(events.LeaseLost)) == 1


async def test_a_lease_that_ran_out_in_the_database_is_lost(bench: Bench) -> None:
    heartbeat = heartbeat_of(bench)
    with pytest.raises(ExceptionGroup) as raised:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(heartbeat.run, Life("heartbeat"))
            await wait_all_tasks_blocked()
            bench.store.advance(60)
    assert raised.group_contains(LeaseLost)
    assert not bench.lease.held


async def test_a_node_that_stops_leaves(bench: Bench) -> None:
    life = await bench.start(heartbeat_of(bench).run)
    life.ask_to_stop()
    await wait_all_tasks_blocked()

    assert not (await bench.store.nodes())[0].live


async def test_a_node_joins_anew_after_its_lease_was_lost(bench: Bench) -> None:
    heartbeat = heartbeat_of(bench)
    first = await bench.start(heartbeat.run)
    before = bench.lease.node_id
    first.ask_to_stop()
    await wait_all_tasks_blocked()
    await bench.start(heartbeat.run)

    assert bench.lease.node_id > before


async def test_a_database_that_is_away_at_the_start_is_waited_for(bench: Bench) -> None:
    bench.store.lose_database()
    heartbeat = heartbeat_of(bench)
    bench.nursery.start_soon(heartbeat.run, Life("heartbeat"))
    await trio.sleep(60)
    assert not bench.lease.held

    bench.store.find_database()
    await trio.sleep(2)

    assert bench.lease.held
