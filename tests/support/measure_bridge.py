"""Measures the bridges: `python -m tests.support.measure_bridge URL [KIND ...]`, one a process.

Prints medians in microseconds: a small unit, a batch unit (a claim-like one: two statements in a
transaction, 100 rows of 200 bytes back, 100 ids sent), and from NOTIFY to the woken trio task; and
small units per second from eight tasks at once.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import cast

import trio

from actors.store.bridge import Bridge, BridgeKind, Connection, open_bridge

ROUNDS = 1000
SECONDS = 2.0


async def small(connection: Connection) -> None:
    await connection.fetchval("SELECT 1")


async def batch(connection: Connection) -> None:
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT n, repeat('x', 200) FROM generate_series(1, $1::int) n", 100
        )
        await connection.execute("SELECT sum(n) FROM unnest($1::int[]) n", [row[0] for row in rows])


async def median_us(action: Callable[[], Awaitable[object]]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        await action()
        times.append(perf_counter() - start)
    return statistics.median(times) * 1e6


async def per_second(bridge: Bridge) -> float:
    done = 0

    async def repeat() -> None:
        nonlocal done
        while True:
            await bridge.run(small)
            done += 1

    with trio.move_on_after(SECONDS):
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(repeat)
    return done / SECONDS


async def woken_us(bridge: Bridge) -> float:
    """From just before NOTIFY is sent, on another connection, to the task that waits for it."""
    times: list[float] = []
    sent = 0.0

    async def notify(connection: Connection) -> None:
        nonlocal sent
        sent = perf_counter()
        await connection.execute("NOTIFY measure")

    async with bridge.listen(["measure"]) as notes, trio.open_nursery() as nursery:
        for _ in range(ROUNDS):
            nursery.start_soon(bridge.run, notify)
            await notes.receive()
            times.append(perf_counter() - sent)
            await trio.sleep(0.001)
    return statistics.median(times) * 1e6


async def main(url: str, kind: BridgeKind) -> None:
    async with open_bridge(url, kind=kind) as bridge:
        await per_second(bridge)  # connects, and warms the statement caches
        print(
            f"{kind:13} small {await median_us(lambda: bridge.run(small)):5.0f} us,"
            f" batch {await median_us(lambda: bridge.run(batch)):5.0f} us,"
            f" notified {await woken_us(bridge):5.0f} us,"
            f" small by 8 {await per_second(bridge):6.0f}/s"
        )


if __name__ == "__main__":
    for name in sys.argv[2:] or ["thread", "trio-asyncio"]:
        trio.run(main, sys.argv[1], cast("BridgeKind", name))
