"""A connection that has gone silent while the database is well."""

from __future__ import annotations

import trio

from actors.heartbeat import Heartbeat
from tests.actors.conftest import NODE, Bench


async def test_a_renewal_that_nobody_answers_is_sent_again_in_time(bench: Bench) -> None:
    renew, renewals = bench.store.renew, 0

    async def renew_or_hang(node_id: int, lease_seconds: float) -> bool:
        nonlocal renewals
        renewals += 1
        if renewals == 3:
            await trio.sleep(30)
        return await renew(node_id, lease_seconds)

    bench.store.renew = renew_or_hang  # type: ignore[method-assign]
    heartbeat = Heartbeat(bench.store, bench.lease, NODE, lease_seconds=20.0, heartbeat_seconds=5.0)
    await bench.start(heartbeat.run)
    node_id = bench.lease.node_id
    await trio.sleep(100)
    assert bench.lease.held
    assert bench.lease.node_id == node_id
