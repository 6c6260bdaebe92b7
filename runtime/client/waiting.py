"""All who wait for results in a client: one task looks for all of them.

    wait ─▶ watch ─▶ look: write into `waiter`, find acks in flight, read
              ▲        ├─▶ final: all who wait for it wake
              │        └─▶ not yet: look again
              └── when the listener heard of its end, or when its pause is over

Rules: a job's NOTIFY is a hint and the row is the truth. What becomes due while a look is under
way is looked at together in the next. A wish to be told is written for a while and prolonged, so
that what a dead client leaves behind is soon pruned. While nobody waits, nothing is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import math
from collections.abc import Iterator, Sequence
from itertools import count
from uuid import UUID

from runtime.client.database import Connection, Database
from runtime.client.listening import Listener
from runtime.client.reading import Hearers
from runtime.client.results import Progress, progress_of, too_late
from runtime.client.statements import statement
from runtime.errors import JobNotFound, StoreUnavailable
from runtime.lifecycle import JobState

# Pauses between looks at one job, in seconds, doubled from the first to the last. The first ones
# catch what ends before the listener listens; the last stands behind one whose peer went silent.
FIRST_PAUSE_SECONDS = 0.025
LAST_PAUSE_SECONDS = 1.0
LAST_PAUSE_DEAF_SECONDS = 0.1  # while nobody tells us: behind a pooler, or between connections
# How long a wish to be told is kept, and how long before its end it is prolonged, in seconds.
WISH_SECONDS = 60.0
PROLONG_SECONDS = 20.0
MOST_AT_ONCE = 1_000  # jobs in one look; keeps its statements to some milliseconds

logger = logging.getLogger("headrace")


class _Watch:
    """One awaited job, by however many."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()
        self.waiters = 0
        self.due = math.inf  # the next look
        self.pause = FIRST_PAUSE_SECONDS
        self.wished_until = -math.inf
        self.settled = False  # an end to come will be told of


class Waiting:
    """Waits for the ends of jobs, for a client; in one asyncio loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: dict[UUID, _Watch] = {}
        self._heap: list[tuple[float, int, UUID]] = []  # when to look; entries may be out of date
        self._order = count()
        self._stir = asyncio.Event()
        self._hearers = Hearers()
        heard = {"finished": self._ended, "published": self._hearers.hear}
        self._listener = Listener(database, heard, self._look_at_all_now)
        self._tasks: list[asyncio.Task[None]] = []

    async def wait(self, job_id: UUID, timeout: float | None) -> Progress:
        """The end of a job. Raises: ResultTimeout, JobNotFound, SchemaNotMigrated and the like."""
        self._start()
        watch = self._watches.get(job_id) or self._watches.setdefault(job_id, _Watch())
        watch.waiters += 1
        self._look_now(job_id)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(watch.ended)
        except TimeoutError:
            raise too_late(job_id, timeout) from None
        finally:
            watch.waiters -= 1
            if not watch.waiters and self._watches.get(job_id) is watch:
                del self._watches[job_id]
                watch.ended.cancel()

    @contextlib.contextmanager
    def hearing(self, job_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job publishes something, or has ended: perhaps."""
        self._start()
        with self._hearers.of(job_id) as stir:
            yield stir

    @property
    def hears(self) -> bool:
        """Whether we are told."""
        return self._listener.listening

    async def close(self) -> None:
        """Stop. Whoever still waits gets StoreUnavailable."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail(list(self._watches), StoreUnavailable("the client is closing"))

    def _start(self) -> None:
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._run(), name="headrace waiting"))
            if not self._database.pooler:
                listening = self._listener.run()
                self._tasks.append(asyncio.create_task(listening, name="headrace listening"))

    def _ended(self, payload: str) -> None:
        self._hearers.hear(payload)
        with contextlib.suppress(ValueError):  # not ours: anybody may notify
            self._look_now(UUID(payload))

    def _look_now(self, job_id: UUID) -> None:
        if job_id in self._watches:
            self._look_after(job_id, 0.0)
            self._stir.set()

    def _look_at_all_now(self) -> None:
        self._hearers.stir_all()
        for job_id in self._watches:
            self._look_now(job_id)

    def _look_after(self, job_id: UUID, pause: float) -> None:
        """Look after a pause, or sooner if that was asked for, perhaps during a look just ended."""
        due = asyncio.get_running_loop().time() + pause
        watch = self._watches[job_id]
        if due < watch.due:
            watch.due = due
            heapq.heappush(self._heap, (due, next(self._order), job_id))

    async def _run(self) -> None:
        while True:
            job_ids = self._take_due()
            if job_ids:
                await self._look_safely(job_ids)
            else:
                await self._sleep()

    def _take_due(self) -> list[UUID]:
        now = asyncio.get_running_loop().time()
        job_ids: list[UUID] = []
        while self._heap and self._heap[0][0] <= now and len(job_ids) < MOST_AT_ONCE:
            due, _, job_id = heapq.heappop(self._heap)
            watch = self._watches.get(job_id)
            if watch is not None and watch.due == due:
                watch.due = math.inf
                job_ids.append(job_id)
        return job_ids

    async def _sleep(self) -> None:
        """Until something is due, or somebody stirs."""
        end = self._heap[0][0] if self._heap else None
        try:
            async with asyncio.timeout_at(end):
                await self._stir.wait()
        except TimeoutError:
            return
        self._stir.clear()

    async def _look_safely(self, job_ids: list[UUID]) -> None:
        try:
            await self._look(job_ids)
        except StoreUnavailable as error:
            logger.debug("waiting for the database: %s", error)
            self._look_later(job_ids)
        except Exception as error:
            self._fail(job_ids, error)

    async def _look(self, job_ids: list[UUID]) -> None:
        found = await self._database.run(lambda conn: self._read(conn, job_ids), repeatable=False)
        for job_id in job_ids:
            watch = self._watches.get(job_id)
            progress = found.get(job_id)
            if watch is None or watch.ended.done():
                continue
            if progress is None:
                self._fail([job_id], JobNotFound(job_id))
            elif progress.state.final:
                watch.ended.set_result(progress)
            else:
                watch.settled = watch.settled or progress.state is not JobState.RUNNING
                self._look_later([job_id])

    async def _read(self, connection: Connection, job_ids: Sequence[UUID]) -> dict[UUID, Progress]:
        namespace = self._database.namespace
        if not self._database.pooler:
            await self._wish(connection, job_ids)
        text = ",".join(map(str, job_ids))
        rows = await connection.fetch(statement("results", namespace), text)
        return {progress.job_id: progress for progress in map(progress_of, rows)}

    async def _wish(self, connection: Connection, job_ids: Sequence[UUID]) -> None:
        """Ask to be told of the jobs' ends, where that was not done or is running out."""
        namespace, now = self._database.namespace, asyncio.get_running_loop().time()
        watches = {job_id: self._watches[job_id] for job_id in job_ids if job_id in self._watches}
        new = [i for i, watch in watches.items() if watch.wished_until < now + PROLONG_SECONDS]
        if new:
            await connection.fetch(statement("await", namespace), new, WISH_SECONDS)
        for job_id in new:
            watches[job_id].wished_until = now + WISH_SECONDS
        unsettled = [job_id for job_id, watch in watches.items() if not watch.settled]
        if unsettled:
            rows = await connection.fetch(statement("settle", namespace), unsettled)
            for row in rows:
                watches[row["id"]].settled = True

    def _look_later(self, job_ids: Sequence[UUID]) -> None:
        told = self._listener.listening
        for job_id in job_ids:
            watch = self._watches.get(job_id)
            if watch is None:
                continue
            self._look_after(job_id, watch.pause)
            longest = LAST_PAUSE_SECONDS if told else LAST_PAUSE_DEAF_SECONDS
            if watch.settled or not told:
                watch.pause = min(watch.pause * 2, longest)

    def _fail(self, job_ids: Sequence[UUID], error: Exception) -> None:
        for job_id in job_ids:
            watch = self._watches.get(job_id)
            if watch is not None and not watch.ended.done():
                watch.ended.set_exception(error)
                watch.ended.exception()  # marked as taken, should its waiters be gone
