"""From trio to asyncpg: a pool and a listening connection, behind one of two bridges.

| bridge       | the asyncio loop                                     | Python     |
|--------------|------------------------------------------------------|------------|
| thread       | in a thread of its own; uvloop's if installed        | any        |
| trio-asyncio | among trio's tasks, in trio's thread                 | below 3.14 |

Both pass the same tests. `port` says what they promise; `pool` what becomes of a connection;
`crossing` how a trio task waits for the other side; `driver` alone imports asyncpg and
trio_asyncio.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Literal

import attrs
import trio

from actors.store.bridge.crossing import Carrier
from actors.store.bridge.listener import Listener
from actors.store.bridge.mailbox import Mailbox
from actors.store.bridge.perch import Perch
from actors.store.bridge.pool import Pool
from actors.store.bridge.port import (
    BACK,
    LOST,
    PING_SECONDS,
    UNIT_TIMEOUT_SECONDS,
    Bridge,
    BridgeKind,
    Connection,
    Note,
    Row,
    Settings,
    T,
    Unit,
)
from actors.store.bridge.thread import open_thread_loop
from actors.store.bridge.trio_loop import open_trio_asyncio_loop
from actors.store.errors import DatabaseError
from actors.store.standby import Standby
from runtime.database_url import check_url
from runtime.errors import ConfigError, StoreUnavailable

__all__ = [
    "BACK",
    "DEFAULT_BRIDGE",
    "LOST",
    "Bridge",
    "BridgeKind",
    "Connection",
    "DatabaseError",
    "Note",
    "Row",
    "open_bridge",
]

# What "auto" means. Medians of four alternating rounds of tests/support/measure_bridge.py, from the
# best round to the worst (Python 3.11, PostgreSQL 15 over loopback TCP, two busy cores). Without a
# bridge the small unit takes asyncpg 37-46 us.
#                                   thread (uvloop)     trio-asyncio
#   small unit                         109-156 us         309-502 us
#   batch unit, claim-like             376-545 us     1,000-3,100 us
#   NOTIFY sent to task woken          268-355 us         424-667 us
#   small units, 8 tasks at once   13,200-5,800/s         3,000-900/s
DEFAULT_BRIDGE: BridgeKind = "thread"

_LOOPS = {"thread": open_thread_loop, "trio-asyncio": open_trio_asyncio_loop}


@contextlib.asynccontextmanager
async def open_bridge(
    url: str,
    *,
    kind: BridgeKind | Literal["auto"] = "auto",
    min_size: int = 0,
    max_size: int = 8,
    session: Mapping[str, str] | None = None,
    pooler: bool = False,
) -> AsyncIterator[Bridge]:
    """Open a bridge for as long as the block lasts. Needs no database yet: connections come later.

    Args: url: postgres:// or postgresql://, as libpq has it (``?host=/run/dir``, ``sslmode``).
    kind: which bridge; "auto" is `DEFAULT_BRIDGE`. min_size: connections made on entry, if the
    database is there. max_size: connections at most, besides one for each `listen`. session:
    settings of each connection, such as ``{"search_path": "headrace, pg_catalog"}``. pooler: a
    transaction pooler stands between: no prepared statements, no session state; each unit is one
    transaction that carries its settings, and there is no `listen`.

    Raises: ConfigError: a malformed URL (its password is never shown), or a bridge that this Python
    cannot import.
    """
    check_url(url)
    chosen: BridgeKind = DEFAULT_BRIDGE if kind == "auto" else kind
    settings = Settings(url=url, session=dict(session or {}), pooler=pooler)
    async with _LOOPS[chosen]() as carrier:
        pool, perch = Pool(settings, max_size), Perch(carrier.to_loop)
        bridge = _PooledBridge(chosen, settings, carrier, pool, perch)
        try:
            if min_size:
                await carrier.carry(partial(bridge.pool.warm, min(min_size, max_size)))
            yield bridge
        finally:
            bridge.closed = True
            with trio.CancelScope(shield=True):
                await carrier.carry(bridge.pool.close)


@attrs.define(eq=False)
class _PooledBridge:
    kind: BridgeKind
    settings: Settings
    carrier: Carrier
    pool: Pool
    perch: Perch
    closed: bool = False

    @property
    def pooler(self) -> bool:
        return self.settings.pooler

    async def run(self, unit: Unit[T], *, timeout_seconds: float = UNIT_TIMEOUT_SECONDS) -> T:
        self._check_open()
        return await self.carrier.carry(partial(self.pool.run, unit, timeout_seconds))

    async def run_at(
        self, standby: Standby, unit: Unit[T], *, timeout_seconds: float = UNIT_TIMEOUT_SECONDS
    ) -> T | None:
        self._check_open()
        run = partial(self.pool.run, unit, timeout_seconds)
        return await self.carrier.carry(partial(self.perch.run_at, standby, run))

    def _check_open(self) -> None:
        if self.closed:
            raise StoreUnavailable("the database bridge is closed")

    @contextlib.asynccontextmanager
    async def listen(
        self, channels: Sequence[str], *, ping_seconds: float = PING_SECONDS
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Note]]:
        if self.pooler:
            raise ConfigError("a transaction pooler cannot LISTEN; serve with --poll-only")
        mailbox = Mailbox()
        to_trio = self.carrier.to_trio

        def put(channel: str, payload: str) -> None:
            if not self.perch.take(channel, payload, mailbox.receive):
                to_trio(mailbox.put, channel, payload)

        listener = Listener(
            self.settings,
            tuple(channels),
            put=put,
            set_down=partial(to_trio, mailbox.set_down),
            ping_seconds=ping_seconds,
        )
        try:
            await self.carrier.carry(listener.start)
            yield mailbox.receive
        finally:
            with trio.CancelScope(shield=True):
                await self.carrier.carry(listener.stop)
            mailbox.close()
