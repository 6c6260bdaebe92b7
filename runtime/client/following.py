"""Follows a job: each time that it stands otherwise, or its run has told something, one update.

    look ─▶ changed: give it out        one Listener ("noted", "finished") for all who follow
      ▲  └▶ not: wait ──(told, or the pause is over)──▶ look again

Rules: a NOTIFY is a hint and the rows are the truth. Changes that come faster than they are taken
are told together. The last update is the job's end; a job that was deleted ends without one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from runtime.client.database import Connection, Database
from runtime.client.listening import Listener
from runtime.client.statements import statement
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import CodecError, JobNotFound, StoreUnavailable
from runtime.lifecycle import JobState
from runtime.note import MOST_LINES, LogLine
from runtime.readable import readable

# Pauses between looks, in seconds: behind what the listener hears; for the begin of a run, of which
# nobody tells; and where there is no listener.
HEARING_PAUSE_SECONDS = 1.0
WAITING_PAUSE_SECONDS = 0.25
DEAF_PAUSE_SECONDS = 0.2
# How long a wish to be told is kept, and how long before its end it is prolonged.
WISH_SECONDS = 60.0
PROLONG_SECONDS = 20.0


class JobUpdate(msgspec.Struct, frozen=True):
    """How a job stands. `lines` are those that its follower has not seen yet."""

    job_id: UUID
    state: JobState
    attempt: int
    max_attempts: int
    run_number: int
    progress: float | None = None  # of the latest run, from 0 to 1; None: it has told none
    message: str | None = None  # what that is at
    stored: Any = None  # the last stored value
    stored_at: datetime | None = None
    lines: tuple[LogLine, ...] = ()
    lines_lost: int = 0  # lines before them that are no longer kept
    error: str | None = None  # "ValueError: message", if the latest run failed


class _Chunk(msgspec.Struct):
    run: int
    last: int
    lines: list[LogLine]


_chunks = msgspec.json.Decoder(list[_Chunk])


class Following:
    """All who follow jobs in a client; in one asyncio loop."""

    def __init__(self, database: Database, sealer: Sealer = PLAIN) -> None:
        self.database = database
        self.sealer = sealer
        self._followers: defaultdict[UUID, set[Follower]] = defaultdict(set)
        heard = {"noted": self._heard, "finished": self._heard}
        self._listener = Listener(database, heard, self._stir_all)
        self._task: asyncio.Task[None] | None = None

    async def begin(self, job_id: UUID) -> Follower:
        """Follow a job; see `Follower`."""
        if self._task is None and not self.database.pooler:
            listening = self._listener.run()
            self._task = asyncio.create_task(listening, name="headrace following")
        follower = Follower(self, job_id)
        self._followers[job_id].add(follower)
        return follower

    @property
    def hears(self) -> bool:
        """Whether we are told of changes."""
        return self._listener.listening

    def end(self, follower: Follower) -> None:
        """It follows no more."""
        followers = self._followers.get(follower.job_id, set())
        followers.discard(follower)
        if not followers:
            self._followers.pop(follower.job_id, None)

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _heard(self, payload: str) -> None:
        with contextlib.suppress(ValueError):  # not ours: anybody may notify
            for follower in self._followers.get(UUID(payload), ()):
                follower.stir.set()

    def _stir_all(self) -> None:
        for followers in self._followers.values():
            for follower in followers:
                follower.stir.set()


class Follower:
    """One who follows a job. Ask for `next` until there is none, or `close` it before."""

    def __init__(self, following: Following, job_id: UUID) -> None:
        self.job_id = job_id
        self.stir = asyncio.Event()
        self._following = following
        self._loop = asyncio.get_running_loop()
        self._seen: JobUpdate | None = None
        self._line = (0, 0)  # run number and line up to which the log is known
        self._wished_until = -math.inf
        self._over = False

    async def next(self) -> JobUpdate | None:
        """Wait for the next update; None after the job's end.

        An outage of the database is waited out. Raises: JobNotFound, StoreUnavailable, at first.
        """
        while not self._over:
            self.stir.clear()
            seen = self._seen
            try:
                update = await self._look()
            except StoreUnavailable:
                if seen is None:
                    raise
                await self._wait(seen)
                continue
            if update is None:
                self._over = True
            elif update != seen:
                self._over = update.state.final
                return update
            else:
                await self._wait(update)
        self.close()
        return None

    def close(self) -> None:
        """Follow no more. From any thread."""
        self._over = True
        with contextlib.suppress(RuntimeError):  # the loop is closed, and so is all in it
            self._loop.call_soon_threadsafe(self._following.end, self)

    async def _wait(self, update: JobUpdate) -> None:
        pause = HEARING_PAUSE_SECONDS if self._following.hears else DEAF_PAUSE_SECONDS
        if update.state is not JobState.RUNNING:
            pause = min(pause, WAITING_PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self.stir.wait()

    async def _look(self) -> JobUpdate | None:
        row = await self._following.database.run(self._read)
        if row is None and self._seen is None:
            self.close()
            raise JobNotFound(self.job_id)
        return None if row is None else self._update(row)

    async def _read(self, connection: Connection) -> Any:
        database, now = self._following.database, asyncio.get_running_loop().time()
        if not database.pooler and self._wished_until < now + PROLONG_SECONDS:
            namespace = database.namespace
            await connection.fetch(statement("wish_follow", namespace), self.job_id, WISH_SECONDS)
            await connection.fetch(statement("await", namespace), [self.job_id], WISH_SECONDS)
            self._wished_until = now + WISH_SECONDS
        seen = None if self._seen is None else self._seen.stored_at
        text = statement("follow", database.namespace)
        return await connection.fetchrow(text, self.job_id, *self._line, seen)

    def _update(self, row: Any) -> JobUpdate:
        chunks = _chunks.decode(row["lines"]) if row["lines"] else []
        lines, lost = self._new_lines(chunks)
        before = self._seen
        stored = None if before is None else before.stored
        if row["stored"] is not None:
            stored = self._opened(row["stored"], row["kind"])
        update = JobUpdate(
            self.job_id,
            JobState(row["state"]),
            row["attempt"],
            row["max_attempts"],
            row["run_number"],
            row["progress"],
            row["message"],
            stored,
            row["stored_at"],
            error=f"{row['error_class']}: {row['error']}" if row["error_class"] else None,
        )
        self._seen = update
        return msgspec.structs.replace(update, lines=lines, lines_lost=lost)

    def _opened(self, text: str, kind: str) -> Any:
        """What cannot be opened here stays in its envelope."""
        with contextlib.suppress(CodecError):
            text = self._following.sealer.unseal("stored", text, kind, self.job_id)
        return readable(text)

    def _new_lines(self, chunks: list[_Chunk]) -> tuple[tuple[LogLine, ...], int]:
        """Lines behind the last one known, at most so many as are kept; and how many are gone."""
        lines: list[LogLine] = []
        lost = 0
        for chunk in chunks:
            known = self._line[1] if chunk.run == self._line[0] else 0
            new = chunk.last - known
            lines += chunk.lines[-new:]
            lost += max(0, new - len(chunk.lines))
            self._line = (chunk.run, chunk.last)
        over = max(0, len(lines) - MOST_LINES)
        return tuple(lines[over:]), lost + over
