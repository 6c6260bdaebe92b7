"""NOTIFY is anybody's who may connect: a forged hint stops no run, and nonsense stops no node."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import pytest
import trio

from actors.control import LOOK_SECONDS, Control
from actors.store.bridge import open_bridge
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import Demand, Notification
from actors.worker import Worker
from runtime.ids import uuid7
from runtime.job import ClaimedJob
from tests.actors.conftest import Bench, new_job
from tests.security.names import NASTY, can_be_kept
from tests.support.sessions import query


class Recorder:
    """Stands where a Worker would, and remembers which jobs it was told to stop."""

    def __init__(self) -> None:
        self.told: list[UUID] = []

    def cancel(self, job_id: UUID, why: str = "") -> bool:
        self.told.append(job_id)
        return True


async def claimed(bench: Bench) -> ClaimedJob:
    """A job that this node holds."""
    node_id = await bench.join()
    await bench.store.enqueue([new_job()])
    (job,) = await bench.store.claim(node_id, [Demand("default", ("kind",), 1)])
    bench.holdings.take([job])
    return job


def control_of(bench: Bench, worker: Recorder) -> Control:
    workers = [cast("Worker", worker)]
    return Control(bench.store, bench.lease, bench.holdings, bench.distributor(), workers)


async def test_a_forged_cancel_stops_no_run_and_a_real_one_does_at_once(bench: Bench) -> None:
    job, worker = await claimed(bench), Recorder()
    control = control_of(bench, worker)
    await bench.start(control.run)
    for forged in (job.id, uuid7()):
        control.hear(f"cancel:{forged}")
    await trio.sleep(LOOK_SECONDS / 2)
    assert worker.told == []
    await bench.store.cancel(job.id)
    control.hear(f"cancel:{job.id}")
    await trio.sleep(0.1)
    assert worker.told == [job.id]


async def test_a_storm_of_cancels_asks_the_database_once_at_a_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await claimed(bench)
    control = control_of(bench, Recorder())
    ask = bench.store.awaiting_cancel
    asked = 0

    async def counted(node_id: int) -> dict[UUID, str | None]:
        nonlocal asked
        asked += 1
        await trio.sleep(0.01)
        return await ask(node_id)

    monkeypatch.setattr(bench.store, "awaiting_cancel", counted)
    await bench.start(control.run)
    for _ in range(1000):
        control.hear(f"cancel:{job.id}")
    await trio.sleep(1)
    assert 1 <= asked <= 3


async def test_whatever_is_notified_arrives_as_it_was_sent(migrated_url: str) -> None:
    names = {name for name in NASTY if can_be_kept(name)} - {"*"}  # which is for all queues
    async with open_bridge(migrated_url, session=session_of("headrace")) as bridge:
        store = PostgresStore(bridge)
        async with store.listen() as notifications:
            for name in names:
                query(migrated_url, "SELECT pg_notify('headrace.control', %s)", name)
                await store.pause(name)
                with trio.fail_after(10):
                    heard = [await notifications.receive() for _ in range(2)]
                assert heard == [Notification("control", each) for each in (name, f"pause:{name}")]
        assert {queue.name for queue in await store.queues() if queue.paused_at} == names
