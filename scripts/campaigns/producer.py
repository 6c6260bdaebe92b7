"""A producer behind a bad network: it enqueues a few jobs at a time, and repeats what is unknown.

In turns by a `Client`, and in a transaction of its own, with a connection that it has itself. When
the answer is lost, also that to COMMIT, it is noted as unknown and all is asked again, with the
same ids.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import attrs

from runtime import Client, enqueue_many
from runtime.database_url import for_driver
from runtime.errors import StoreUnavailable
from runtime.job import NewJob
from scripts.campaigns.app import app
from scripts.campaigns.history import Answer, Enqueue
from scripts.campaigns.site import NAMESPACE, Site

_JOBS = 3
# Between two bulks: often enough to be struck at any time, and little beside what nodes can do.
_PAUSE_SECONDS = 0.1
# How long a transaction may take, before the producer gives its connection up.
_OWN_SECONDS = 3.0
# For the last jobs, once all networks are well again.
_LAST_SECONDS = 60.0
_AWAY = (
    OSError,
    EOFError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@attrs.define
class Producer:
    """See the module's docstring. How many are written it tells `site.besides`."""

    site: Site
    url: str
    make: Callable[[int], list[NewJob]]
    _connection: Any = None
    _stopped_at: float = float("inf")
    _stopped: threading.Event = attrs.field(factory=threading.Event)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Enqueue beside what goes on in the block; at its end, wait for the last answer."""
        thread = threading.Thread(target=self._enqueue_all, name="producer")
        thread.start()
        try:
            yield
        finally:
            self._stopped_at = time.monotonic()
            self._stopped.set()
            thread.join()

    def _enqueue_all(self) -> None:
        with Client(app, self.url, namespace=NAMESPACE) as client, asyncio.Runner() as runner:
            while not self._stopped.wait(_PAUSE_SECONDS):
                self._write(lambda jobs: self._by_client(client, jobs))
                self._write(lambda jobs: runner.run(self._in_transaction(jobs)))
            if self._connection is not None:
                runner.run(self._forget())

    def _write(self, write: Callable[[list[NewJob]], Answer]) -> None:
        jobs = self.make(_JOBS)
        answer: Answer = "unknown"
        while answer == "unknown" and not self._is_late():
            answer = write(jobs)
            now = time.monotonic()
            self.site.asked(Enqueue(job.id, answer, at=now) for job in jobs)
        if answer == "ok":
            self.site.besides += len(jobs)

    def _is_late(self) -> bool:
        """Whether it is time to give up what may be written or not."""
        return time.monotonic() > self._stopped_at + _LAST_SECONDS

    @staticmethod
    def _by_client(client: Client, jobs: list[NewJob]) -> Answer:
        try:
            client.enqueue_many(jobs)
        except StoreUnavailable:
            return "unknown"
        return "ok"

    async def _in_transaction(self, jobs: list[NewJob]) -> Answer:
        try:
            async with asyncio.timeout(_OWN_SECONDS):
                if self._connection is None:
                    self._connection = await asyncpg.connect(for_driver(self.url))
                transaction = self._connection.transaction()
                await transaction.start()
                await enqueue_many(self._connection, jobs)
                await transaction.commit()
        except _AWAY:
            await self._forget()
            return "unknown"
        return "ok"

    async def _forget(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
