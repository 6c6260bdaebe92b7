"""What the bridge promises to the Store, the migrator and the tests. No driver is named here.

    trio task ── run(unit) ──▶ bridge ── one asyncio coroutine ──▶ pool ──▶ connection

A unit is an `async def` that takes a connection and awaits nothing but that connection. It runs
whole on the asyncio side of the bridge, maybe in another thread: it must not touch trio.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeVar

import attrs
import trio

from actors.store.standby import Standby

T = TypeVar("T")

BridgeKind = Literal["trio-asyncio", "thread"]

# A unit may take this long, in seconds, unless its caller says otherwise: longer than any statement
# of ours on a loaded server, shorter than a lease.
UNIT_TIMEOUT_SECONDS = 30.0
# A silent listening connection is pinged after so many seconds, and given up after as many again.
PING_SECONDS = 5.0

Note = tuple[str, str]  # (channel, payload); ("", "lost") and ("", "back") tell of the listening
LOST: Note = ("", "lost")
BACK: Note = ("", "back")


class Row(Protocol):
    """A row of a result: by position or by column name."""

    def __getitem__(self, key: int | str) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def keys(self) -> Iterable[str]: ...
    def values(self) -> Iterable[Any]: ...
    def items(self) -> Iterable[tuple[str, Any]]: ...
    def get(self, key: str, default: Any = None) -> Any: ...


class Connection(Protocol):
    """The part of asyncpg's connection that a unit may use. Awaitable on the asyncio side only."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str: ...
    async def executemany(
        self, command: str, args: Iterable[Sequence[Any]], *, timeout: float | None = None
    ) -> None: ...
    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> list[Row]: ...
    async def fetchrow(
        self, query: str, *args: Any, timeout: float | None = None
    ) -> Row | None: ...
    async def fetchval(
        self, query: str, *args: Any, column: int = 0, timeout: float | None = None
    ) -> Any: ...
    async def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[Any]] | AsyncIterator[Sequence[Any]],
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
    ) -> str: ...
    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False, deferrable: bool = False
    ) -> AbstractAsyncContextManager[Any]:
        """`async with`: begin, then commit or roll back; inside another one: a savepoint."""


Unit = Callable[[Connection], Awaitable[T]]


@attrs.frozen
class Settings:
    """How connections are made.

    Attributes: url; session, settings that each connection has (`search_path` and planner options);
    pooler, whether a transaction pooler such as PgBouncer stands between.
    """

    url: str = attrs.field(repr=False)  # holds the password
    session: Mapping[str, str] = attrs.field(factory=dict)
    pooler: bool = False


class Bridge(Protocol):
    """A pool of connections, usable from any trio task of one `trio.run`."""

    @property
    def kind(self) -> BridgeKind: ...

    @property
    def pooler(self) -> bool: ...

    async def run(self, unit: Unit[T], *, timeout_seconds: float = UNIT_TIMEOUT_SECONDS) -> T:
        """Run `unit` on a connection of the pool and return what it returns.

        Cancelled: the unit is cancelled on the other side, and trio's Cancelled is raised when it
        has settled. What it had committed by then stays; if it had ended, its value is returned.
        The connection is rolled back and reset, or closed, before anyone uses it again.

        Args: timeout_seconds: for waiting for a connection, connecting and the unit together;
        `math.inf` for none.

        Raises: StoreUnavailable: no connection, a lost one, or the time is over (that connection is
        closed; whether the statement took effect is unknown). DatabaseError: the database said no.
        Whatever else the unit raises, unchanged.
        """

    async def run_at(
        self, standby: Standby, unit: Unit[T], *, timeout_seconds: float = UNIT_TIMEOUT_SECONDS
    ) -> T | None:
        """As `run`, but begin when a note of the standby's channel is heard by its ear: by the
        `listen` of this bridge that gave this channel of notes.

        None if the standby was withdrawn before. The time counts from the note on.
        """

    def listen(
        self, channels: Sequence[str], *, ping_seconds: float = PING_SECONDS
    ) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Note]]:
        """LISTEN on a connection of its own from entry on, until exit.

        On entry the server has confirmed all channels, or ("", "lost") is waiting to be received.
        A lost connection gives ("", "lost"), then ("", "back") once it listens again: what was
        notified between the two is gone. Silence for `ping_seconds` is answered with a ping, which
        may take as long again. The channel is bounded: a note that waits there already is not put
        twice, and when it is full the rest is dropped and replaced by "lost", "back".

        Raises: ConfigError behind a transaction pooler, which cannot LISTEN. DatabaseError on
        entry, if the database refuses us (a wrong password).
        """
