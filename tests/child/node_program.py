"""A program that is killed by tests: a node with children that are busy for ever.

`python -m tests.child.node_program ASYNC...` makes a child for each argument, "sync" or "async",
prints one line of JSON with all pids once their handlers run, and goes on until it is killed.
LEASE=seconds in the environment sets a lease that is never renewed.
"""

from __future__ import annotations

import json
import os
import sys
import time

import trio

from tests.child.steering import child_of, eventually, serving


async def main(sorts: list[str]) -> None:
    async with serving() as server, trio.open_nursery() as nursery:
        pids: list[int] = []

        async def keep_busy(number: int, is_async: bool) -> None:
            async with child_of(server, number, is_async=is_async) as child:
                await child.begun(await child.hand("async_block" if is_async else "loop_for_ever"))
                pids.append(child.child.pid)
                await trio.sleep_forever()

        for number, sort in enumerate(sorts):
            nursery.start_soon(keep_busy, number, sort == "async")
        await eventually(lambda: len(pids) == len(sorts))
        if seconds := os.environ.get("LEASE"):
            server.set_lease_deadline(time.monotonic_ns() + int(float(seconds) * 1e9))
            async with child_of(server, len(sorts)):
                pass  # orders are obeyed one after the other: the server knows of its lease now
        print(json.dumps({"server": server.pid, "children": pids}), flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])
