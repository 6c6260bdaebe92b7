"""A TCP proxy before a database that can go silent, be cut, or be away: a network at its worst."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
import trio

_CHUNK = 65_536


@attrs.define(eq=False)
class _Link:
    scope: trio.CancelScope
    flowing: trio.Event = attrs.field(factory=trio.Event)
    closed: trio.Event = attrs.field(factory=trio.Event)


class Proxy:
    """Stands between `url` and the database at `target`. Make one with `open_proxy`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._frozen = False
        self._port: int | None = None
        self._nursery: trio.Nursery | None = None
        self._listening: trio.CancelScope | None = None

    @property
    def url(self) -> str:
        """The database's address by way of this proxy."""
        parts = urlsplit(self._target)
        user = parts.netloc.rpartition("@")[0] or parse_qs(parts.query).get("user", [""])[0]
        at = f"{user}@" if user else ""
        return f"postgresql://{at}127.0.0.1:{self._port}{parts.path}?sslmode=disable"

    @property
    def links(self) -> int:
        """How many connections go through."""
        return len(self._links)

    def strand(self) -> None:
        """Let existing connections go silent for ever, unclosed; new ones work."""
        for link in self._links:
            link.flowing = trio.Event()

    def freeze(self) -> None:
        """Let all connections go silent, new ones too, until `thaw`."""
        self._frozen = True
        self.strand()

    def thaw(self) -> None:
        """Undo freeze and strand; what was held back arrives."""
        self._frozen = False
        for link in self._links:
            link.flowing.set()

    async def close(self) -> None:
        """Cut all connections and refuse new ones, until `open`."""
        if self._listening is not None:
            self._listening.cancel()
        for link in list(self._links):
            link.scope.cancel()
            await link.closed.wait()

    async def open(self) -> None:
        """Accept connections, on the same port as before."""
        assert self._nursery is not None
        self._listening = trio.CancelScope()
        await self._nursery.start(self._listen)

    async def _listen(self, task_status: trio.TaskStatus[None]) -> None:
        assert self._listening is not None
        assert self._nursery is not None
        with self._listening:
            listeners = await trio.open_tcp_listeners(self._port or 0, host="127.0.0.1")
            self._port = listeners[0].socket.getsockname()[1]
            task_status.started()
            await trio.serve_listeners(self._forward, listeners, handler_nursery=self._nursery)

    async def _forward(self, client: trio.SocketStream) -> None:
        with trio.CancelScope() as scope:
            async with client, await self._connect() as server:
                link = _Link(scope)
                if not self._frozen:
                    link.flowing.set()
                self._links.add(link)
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(_pump, link, client, server)
                        nursery.start_soon(_pump, link, server, client)
                finally:
                    self._links.discard(link)
                    link.closed.set()

    async def _connect(self) -> trio.SocketStream:
        parts = urlsplit(self._target)
        host = parse_qs(parts.query).get("host", [unquote(parts.hostname or "127.0.0.1")])[0]
        port = int(parse_qs(parts.query).get("port", [str(parts.port or 5432)])[0])
        if host.startswith("/"):
            return await trio.open_unix_socket(f"{host}/.s.PGSQL.{port}")
        return await trio.open_tcp_stream(host, port)


async def _pump(link: _Link, source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await source.receive_some(_CHUNK):
            await link.flowing.wait()
            await sink.send_all(data)
    link.scope.cancel()


@contextlib.asynccontextmanager
async def open_proxy(target: str) -> AsyncIterator[Proxy]:
    """A proxy before the database at `target`, accepting connections."""
    proxy = Proxy(target)
    async with trio.open_nursery() as nursery:
        proxy._nursery = nursery
        await proxy.open()
        yield proxy
        nursery.cancel_scope.cancel()
