"""A pool of connections inside one asyncio loop, and what a unit does to its connection.

| the unit                        | its connection                                      |
|---------------------------------|-----------------------------------------------------|
| returned, or raised             | goes back; rolled back first if left in a transaction |
| was cancelled                   | waits for the server's answer, is reset, goes back  |
| lost its connection             | is closed                                           |
| took too long                   | is closed, once the server was asked to stop it     |

Rules: nobody gets a connection whose state is unknown. A connection is made when it is needed and
none is free; the pool does not try twice, its caller does. Where one connection is not answered,
the path may have forgotten all of them: the idle ones are closed with it. A unit that took too long
may tidy up (roll back, unlock), but not for ever. asyncio only: this file runs on the far side of
the bridge, in one thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from actors.store.bridge.driver import RawConnection, connect, translated
from actors.store.bridge.port import Connection, Settings, Unit
from runtime import sql
from runtime.database_url import redacted
from runtime.errors import StoreUnavailable

T = TypeVar("T")

log = logging.getLogger(__name__)

# How long a connection is given to come to rest after a cancelled or failed unit, in seconds. A
# living server needs a few milliseconds; a dead peer costs this once.
SETTLE_SECONDS = 1.0
# How long a unit that was cancelled or took too long may tidy up until it is cancelled again, in
# seconds. Longer than its connection is given to come to rest.
TIDY_SECONDS = 2.0
# A connection that has rested longer is pinged before use: its peer may have gone silently.
RESTED_SECONDS = 15.0
# How long such a ping and a farewell may take, in seconds.
PING_SECONDS = 2.0
CLOSE_SECONDS = 1.0


class Pool:
    """At most `max_size` connections made by `settings`; see the module's table."""

    def __init__(self, settings: Settings, max_size: int) -> None:
        self._settings = settings
        self._where = redacted(settings.url)
        self._places = asyncio.Semaphore(max_size)
        self._idle: list[
            tuple[RawConnection, float]
        ] = []  # with the time since when, last is newest
        self._settling: set[asyncio.Task[None]] = set()
        self._closing = False

    async def run(self, unit: Unit[T], timeout_seconds: float) -> T:
        """Run a unit. Raises: as `Bridge.run`."""
        if timeout_seconds == float("inf"):
            return await self._run(unit, asyncio.timeout(None))
        limit = asyncio.timeout(timeout_seconds)
        at_last = _cancel_in(timeout_seconds + TIDY_SECONDS)
        try:
            async with limit:
                return await self._run(unit, limit)
        except (TimeoutError, asyncio.CancelledError):
            if not limit.expired():
                raise
            raise StoreUnavailable(
                f"database {self._where} did not answer within {timeout_seconds:g} s"
            ) from None
        finally:
            at_last.cancel()

    async def warm(self, count: int) -> None:
        """Make `count` connections ahead of need, if the database lets us."""
        made = await asyncio.gather(
            *(connect(self._settings) for _ in range(count)), return_exceptions=True
        )
        now = asyncio.get_running_loop().time()
        self._idle += [(item, now) for item in made if not isinstance(item, BaseException)]

    async def close(self) -> None:
        """Close all connections, those in use too: their units end with StoreUnavailable."""
        self._closing = True
        me = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not me]
        busy = [task for task in others if task not in self._settling]
        for task in busy:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=SETTLE_SECONDS + CLOSE_SECONDS)
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_farewell(connection) for connection, _ in idle))

    async def _run(self, unit: Unit[T], limit: asyncio.Timeout) -> T:
        await self._places.acquire()
        connection: RawConnection | None = None
        try:
            connection = await self._checkout()
            value = await self._perform(connection, unit)
        except BaseException as error:
            ours = await self._give_back_after(error, connection, limit)
            if ours is error:
                raise
            raise ours from error
        if _being_cancelled():
            self._settle(connection, keep=True)
        elif connection.is_in_transaction():
            self._settle(connection, keep=True)
            raise RuntimeError("a unit ended inside a transaction; it was rolled back")
        else:
            self._give_back(connection)
        return value

    async def _perform(self, connection: Connection, unit: Unit[T]) -> T:
        if not self._settings.pooler:
            return await unit(connection)
        async with connection.transaction():
            if session := self._settings.session:
                names, values = list(session.keys()), list(session.values())
                await connection.fetch(sql.load("session_local"), names, values)
            return await unit(connection)

    async def _checkout(self) -> RawConnection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_closed():
                continue
            if now - since < RESTED_SECONDS or await _answers(connection):
                return connection
            self._close_idle()
        return await connect(self._settings)

    # -- how a connection comes back; each of these frees its place, now or when it has settled --

    def _give_back(self, connection: RawConnection) -> None:
        if self._closing or connection.is_closed():
            connection.terminate()
        else:
            self._idle.append((connection, asyncio.get_running_loop().time()))
        self._places.release()

    async def _give_back_after(
        self, error: BaseException, connection: RawConnection | None, limit: asyncio.Timeout
    ) -> BaseException:
        """Give a connection back after its unit's error. Returns the error for the caller."""
        if connection is None:
            self._places.release()
            return error
        if isinstance(error, asyncio.CancelledError) or _being_cancelled():
            if limit.expired():
                self._close_idle()
            settling = self._settle(connection, keep=not limit.expired())
            if not limit.expired():
                await asyncio.shield(settling)
            return error
        if not isinstance(error, Exception):
            self._drop(connection)
            return error
        ours = translated(error, self._where, closed=connection.is_closed())
        if isinstance(ours, StoreUnavailable):
            self._drop(connection)
        elif connection.is_in_transaction():
            self._settle(connection, keep=True)
        else:
            self._give_back(connection)
        return ours

    def _close_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.terminate()

    def _drop(self, connection: RawConnection) -> None:
        connection.terminate()
        self._places.release()

    def _settle(self, connection: RawConnection, *, keep: bool) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._settled(connection, keep=keep))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task

    async def _settled(self, connection: RawConnection, *, keep: bool) -> None:
        """Wait until the server has let go of the statement; reset the connection, or close it."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                # Waits for the driver's cancel request and the answer to it. The driver does not
                # know whether a cancelled BEGIN took effect, so its reset alone would not do.
                await connection.execute(sql.load("rollback"))
                if keep and not self._settings.pooler:
                    await connection.reset()
                else:
                    connection.terminate()
        except BaseException as error:
            log.debug("closing a connection that does not settle: %r", error)
            connection.terminate()
            self._close_idle()
            if not isinstance(error, Exception):
                raise
        finally:
            self._give_back(connection)


def _cancel_in(seconds: float) -> asyncio.TimerHandle:
    task = asyncio.current_task()
    assert task is not None, "units run in tasks"
    return asyncio.get_running_loop().call_later(seconds, task.cancel)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _answers(connection: RawConnection) -> bool:
    return await _ends_well(connection, connection.execute(sql.load("ping")), PING_SECONDS)


async def _farewell(connection: RawConnection) -> None:
    await _ends_well(connection, connection.close(), CLOSE_SECONDS)


async def _ends_well(
    connection: RawConnection, action: Coroutine[Any, Any, object], seconds: float
) -> bool:
    """Whether the action ends without error in time; if not, the connection is closed."""
    try:
        async with asyncio.timeout(seconds):
            await action
    except BaseException as error:
        log.debug("closing a connection that does not answer: %r", error)
        connection.terminate()
        if not isinstance(error, Exception):
            raise
        return False
    return True
