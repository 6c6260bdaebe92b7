"""What the test kit needs of the server's own parts: the migrator and the Store, under trio.

Rule: they run in a thread of their own, so that a test may be sync, or run under asyncio or trio.
This is the one file of the kit that knows actors.
"""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import trio

from actors.acker import Settled
from actors.store.bridge import Row, open_bridge
from actors.store.migrate import Migrator
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import Demand, NodeInfo, RunRecords
from runtime.job import ClaimedJob, KindInfo
from runtime.lifecycle import JobState
from runtime.outcome import Outcome
from runtime.version import our_version
from runtime.workflow.records import Answer, Ask, Collect, Recall

T = TypeVar("T")

_CONNECTIONS = 2


class Backstage:
    """A Store on a database, for as long as a `with` block lasts."""

    def __init__(self, url: str, namespace: str) -> None:
        self._url = url
        self._namespace = namespace
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="headrace-backstage", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._token.run_sync_soon(self._over.set)
        self._thread.join()

    def call(self, method: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Await `method(*args)` under trio, and wait for it."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        async def answer() -> None:
            try:
                future.set_result(await method(*args))
            except BaseException as error:
                future.set_exception(error)

        self._token.run_sync_soon(lambda: self._nursery.start_soon(answer))
        return future.result()

    def fetch(self, statement: str, *values: object) -> list[Row]:
        """Rows of a statement."""
        return self.call(self.bridge.run, lambda connection: connection.fetch(statement, *values))

    def join(self, queues: Sequence[str], lease_seconds: float) -> int:
        """Be a node, which claims for one thread. Its id."""
        node = NodeInfo(
            name=f"drain:{os.getpid()}",
            host="drain",  # and so nobody's predecessor
            boot_id="",
            pid=os.getpid(),
            pid_started="",
            version=our_version(),
            queues=tuple(queues),
            workers=1,
        )
        return self.call(self.store.join, node, lease_seconds)

    def claim(
        self, node_id: int, queues: Sequence[str], kinds: tuple[str, ...]
    ) -> list[ClaimedJob]:
        """One job of each queue."""
        return self.call(self.store.claim, node_id, [Demand(name, kinds, 1) for name in queues])

    def ack(
        self, job: ClaimedJob, outcome: Outcome, info: KindInfo, *, workflow: bool = False
    ) -> JobState:
        """Write an outcome, and look whether it wakes anybody. The job's state after it."""
        ack = Settled(job, outcome, info.backoff, workflow=workflow).ack()
        acked = self.call(self.store.ack, [ack])
        waiting = [*acked.parents, *([ack.id] if ack.look else [])]
        if waiting:
            self.call(self.store.wake, waiting)
        return ack.state

    def answer(self, job: ClaimedJob, ask: Ask) -> Answer:
        """What the Store says to a workflow's ask."""
        store, run = self.store, (job.id, job.run_number)
        if isinstance(ask, Recall):
            return self.call(store.recall, *run, ask.after)
        if isinstance(ask, Collect):
            return self.call(store.collect, *run, [UUID(bytes=each) for each in ask.ids])
        answers = self.call(store.record, [RunRecords(*run, ask)])
        return answers[0]

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._over = trio.Event()
        session = session_of(self._namespace)
        async with (
            open_bridge(
                self._url, kind="thread", max_size=_CONNECTIONS, session=session
            ) as self.bridge,
            trio.open_nursery() as self._nursery,
        ):
            self.store = PostgresStore(self.bridge, namespace=self._namespace)
            self._ready.set_result(None)
            await self._over.wait()


def migrate(url: str, namespace: str) -> None:
    """Make the tables of a namespace."""
    with Backstage(url, namespace) as stage:
        stage.call(Migrator(stage.bridge, namespace).up)
