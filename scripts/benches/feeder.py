"""A process that enqueues, so that a bench need not: `python -m scripts.benches.feeder`.

Its one argument is a Feed as JSON. It works until its standard input ends; then it prints one line
of JSON: how many jobs it enqueued.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from runtime import AsyncClient, NewJob
from runtime.child.kernel import die_with
from scripts.benches.app import app, burn, noop
from scripts.benches.database import new_loop
from scripts.benches.errors import BenchFailed
from scripts.benches.node import CHECKOUT, environment

_END_SECONDS = 30.0
_PAUSE_SECONDS = 0.002  # before it looks again whether the work has come far enough


class Feed(msgspec.Struct, frozen=True):
    """What to enqueue.

    Attributes: way: "bulks" of no-op jobs, one after the other; "singles", no-op jobs one by one
    from each of so many connections; "paced", burning jobs one by one, at random times,
    `per_second` on the average. ahead: never more unfinished jobs than this, as far as can be
    seen.
    """

    url: str
    namespace: str
    way: str
    connections: int = 1
    bulk: int = 100
    ahead: int = 20_000
    per_second: float = 0.0
    turns: int = 0  # of each burning job


class Fed(msgspec.Struct, frozen=True):
    """What it did."""

    jobs: int


class Feeder:
    """Enqueues until it is told to stop."""

    def __init__(self, feed: Feed, client: AsyncClient) -> None:
        self._feed = feed
        self._client = client
        self._stopping = asyncio.Event()
        self._jobs = 0
        self._marks: list[UUID] = []

    async def run(self) -> Fed:
        """Enqueue until standard input ends."""
        threading.Thread(
            target=_wait_for_end, args=(asyncio.get_running_loop(), self._stopping), daemon=True
        ).start()
        ways: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "bulks": self._bulks,
            "singles": self._singles,
            "paced": self._paced,
        }
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._feed.connections):
                tasks.create_task(ways[self._feed.way]())
        return Fed(self._jobs)

    async def _bulks(self) -> None:
        while not self._stopping.is_set():
            jobs = [noop.new_job(number) for number in range(self._feed.bulk)]
            await self._client.enqueue_many(jobs)
            self._jobs += len(jobs)
            await self._keep_near(jobs[-1])

    async def _singles(self) -> None:
        while not self._stopping.is_set():
            await self._client.enqueue(noop, self._jobs)
            self._jobs += 1

    async def _paced(self) -> None:
        """Gaps that are exponentially distributed, so that jobs come as independent users' do."""
        loop, gaps = asyncio.get_running_loop(), random.Random(1)
        due = loop.time()
        while not self._stopping.is_set():
            due += gaps.expovariate(self._feed.per_second)
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._client.enqueue(burn, self._feed.turns)
            self._jobs += 1

    async def _keep_near(self, newest: NewJob) -> None:
        """Wait until a job from `ahead` jobs ago has ended: one look by its primary key."""
        self._marks.append(newest.id)
        if len(self._marks) * self._feed.bulk <= self._feed.ahead:
            return
        old = self._marks.pop(0)
        while not self._stopping.is_set():
            if (await self._client.get(old)).finalized_at is not None:
                return
            await asyncio.sleep(_PAUSE_SECONDS)


def _wait_for_end(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(stopping.set)


async def _feed(feed: Feed) -> Fed:
    size = feed.connections
    async with AsyncClient(app, feed.url, namespace=feed.namespace, pool_size=size) as client:
        return await Feeder(feed, client).run()


class Feeding:
    """A feeder that runs, seen from the bench."""

    def __init__(self, feed: Feed) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scripts.benches.feeder", msgspec.json.encode(feed)],
            cwd=CHECKOUT,
            env=environment(feed.url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
            preexec_fn=partial(die_with, os.getpid()),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> Fed:
        """Have it stop; what it did. Raises BenchFailed."""
        said, _ = self._process.communicate(timeout=_END_SECONDS)
        if self._process.returncode != 0:
            raise BenchFailed(f"the feeder ended with status {self._process.returncode}")
        return msgspec.json.decode(said, type=Fed)

    def kill(self) -> None:
        """End it, if it was not stopped."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def feeding(feed: Feed) -> Iterator[Feeding]:
    """A feeder for as long as the block lasts."""
    running = Feeding(feed)
    try:
        yield running
    finally:
        running.kill()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        fed = runner.run(_feed(msgspec.json.decode(sys.argv[1], type=Feed)))
    sys.stdout.buffer.write(msgspec.json.encode(fed) + b"\n")
