"""Store.claim_at: a claim that begins at the next wakeup, or does not begin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.store.protocol import Demand, Listening, Notification
from actors.store.standby import Standby
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from tests.store.harness import Bench, node_info
from tests.support.sessions import until

T = TypeVar("T")

DEMAND = [Demand("default", ("k",), 10)]
PATIENCE = 10.0


def there(value: T | None) -> T:
    assert value is not None
    return value


@attrs.define(eq=False)
class Ears:
    """A node that listens, and claims on standby."""

    bench: Bench
    node_id: int
    listening: Listening

    async def claim_at(self, standby: Standby) -> list[ClaimedJob]:
        with trio.fail_after(PATIENCE):
            return await self.bench.store.claim_at(
                standby, self.node_id, DEMAND, timeout_seconds=PATIENCE
            )

    async def next(self) -> Notification:
        with trio.fail_after(PATIENCE):
            return await self.listening.receive()


@asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[Ears]:
    node_id = await bench.store.join(node_info("ears", ("default", "mark")), lease_seconds=1e6)
    await bench.store.want_wakeups(node_id, True)
    async with bench.store.listen() as notifications:
        yield Ears(bench, node_id, notifications)


async def test_a_wakeup_begins_the_claim_and_reaches_nobody_else(bench: Bench) -> None:
    async with listening(bench) as ears, trio.open_nursery() as nursery:
        standby = there(ears.listening.standby())
        claimed: list[ClaimedJob] = []

        async def claim() -> None:
            claimed.extend(await ears.claim_at(standby))

        nursery.start_soon(claim)
        await until_standing(standby)
        (job_id,) = await bench.add()
        await until(lambda: bool(claimed))
        assert [job.id for job in claimed] == [job_id]
        assert standby.woken_by == "default"
        assert 0 <= standby.seconds < PATIENCE
        await bench.add(queue="mark")  # what comes next is this: the first wakeup was taken
        assert await ears.next() == Notification("wakeup", "mark")


async def until_standing(standby: Standby) -> None:
    """Wait until it waits for its note."""
    await until(lambda: standby.on_withdraw is not None)


@pytest.mark.parametrize("sooner", [True, False], ids=["before it waits", "while it waits"])
async def test_a_withdrawn_one_asks_nothing(bench: Bench, sooner: bool) -> None:
    async with listening(bench) as ears, trio.open_nursery() as nursery:
        standby = there(ears.listening.standby())
        if sooner:
            standby.withdraw()
        else:
            nursery.start_soon(withdraw_when_standing, standby)
        assert await ears.claim_at(standby) == []
        assert standby.woken_by is None
        (job_id,) = await bench.add()
        assert await ears.next() == Notification("wakeup", "default")
        assert await bench.state(job_id) is JobState.AVAILABLE


async def withdraw_when_standing(standby: Standby) -> None:
    await until_standing(standby)
    standby.withdraw()


async def test_a_cancelled_one_asks_nothing(bench: Bench) -> None:
    async with listening(bench) as ears:
        standby = there(ears.listening.standby())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ears.claim_at, standby)
            await until_standing(standby)
            nursery.cancel_scope.cancel()
        (job_id,) = await bench.add()
        assert await ears.next() == Notification("wakeup", "default")
        assert await bench.state(job_id) is JobState.AVAILABLE


async def test_commands_do_not_begin_it(bench: Bench) -> None:
    async with listening(bench) as ears, trio.open_nursery() as nursery:
        standby = there(ears.listening.standby())
        nursery.start_soon(ears.claim_at, standby)
        await until_standing(standby)
        await bench.store.pause("other")
        assert await ears.next() == Notification("control", "pause:other")
        assert standby.woken_by is None
        standby.withdraw()


async def test_a_standby_of_one_node_leaves_the_others_their_wakeups(bench: Bench) -> None:
    async with listening(bench) as ears, bench.store.listen() as elsewhere:
        async with trio.open_nursery() as nursery:
            standby = there(ears.listening.standby())
            nursery.start_soon(ears.claim_at, standby)
            await until_standing(standby)
            await wait_all_tasks_blocked()
            await bench.add()
            with trio.fail_after(PATIENCE):
                heard = await elsewhere.receive()
        assert heard == Notification("wakeup", "default")
        assert standby.woken_by == "default"
