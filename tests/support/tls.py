"""A server with TLS: a front before a plain PostgreSQL, with certificates of its own.

The embedded PostgreSQL is built without TLS and listens on no TCP port; what is tested is our side
of it. The front answers SSLRequest as PostgreSQL does, and hands on what comes through TLS. Source:
the PostgreSQL manual, Frontend/Backend Protocol, SSL Session Encryption.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import trio
import trustme

from tests.support.postgres import wait_until

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_CHUNK = 65_536
_SECONDS = 10.0

HOST = "localhost"  # the name in the server's certificate
OTHER_HOST = "127.0.0.1"  # leads there too, and is not in it


class Papers:
    """Certificates as files: of who signs, of a stranger who signs, of a client."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.root = self._write(self.authority.cert_pem, folder / "root.crt")
        self.stranger = self._write(trustme.CA().cert_pem, folder / "stranger.crt")
        client = self.authority.issue_cert("node@example.org")
        self.cert = self._write(client.cert_chain_pems[0], folder / "client.crt")
        self.key = self._write(client.private_key_pem, folder / "client.key")

    def of_server(self, *, wants_client: bool = False) -> ssl.SSLContext:
        """What a server of that authority has; it may want clients to be of that authority too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(HOST).configure_cert(context)
        if wants_client:
            self.authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _write(self, blob: trustme.Blob, path: Path) -> Path:
        blob.write_to_path(str(path))
        return path


class TlsFront:
    """Stands on a TCP port before the database at `target`. Make one with `tls_front`.

    Attributes: context: what it shows to new connections; None: it has no TLS. encrypted, plain:
    how many connections came through to the database, with TLS and without.
    """

    def __init__(self, target: str, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.encrypted = 0
        self.plain = 0
        self._target = urlsplit(target)
        self._ready = threading.Event()
        self._port = 0
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._links: set[trio.CancelScope] = set()

    def url(self, options: str = "", *, host: str = HOST, password: str = "") -> str:
        """The database's address by way of this front, with these options."""
        user = self._target.username or parse_qs(self._target.query).get("user", ["postgres"])[0]
        who = f"{user}:{password}" if password else user
        mark = "?" if options else ""
        return f"postgresql://{who}@{host}:{self._port}{self._target.path}{mark}{options}"

    def cut(self) -> None:
        """End all connections, as a restart does; return when they are gone."""
        assert self._token is not None
        for link in list(self._links):
            self._token.run_sync_soon(link.cancel)
        wait_until(lambda: not self._links)

    def start(self) -> threading.Thread:
        """Return when it accepts connections."""
        thread = threading.Thread(target=trio.run, args=(self._run,), name="tls front")
        thread.start()
        assert self._ready.wait(_SECONDS)
        return thread

    def stop(self) -> None:
        """End it, and all connections."""
        assert self._token is not None
        assert self._nursery is not None
        self._token.run_sync_soon(self._nursery.cancel_scope.cancel)

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self._port = listeners[0].socket.getsockname()[1]
            self._token, self._nursery = trio.lowlevel.current_trio_token(), nursery
            self._ready.set()
            await trio.serve_listeners(self._serve, listeners, handler_nursery=nursery)

    async def _serve(self, client: trio.SocketStream) -> None:
        """Whatever a client does, or the network, ends its own connection alone."""
        broken = (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError)
        with trio.CancelScope() as scope, contextlib.suppress(*broken):
            self._links.add(scope)
            try:
                async with client:
                    await self._welcome(client)
            finally:
                self._links.discard(scope)

    async def _welcome(self, client: trio.SocketStream) -> None:
        first = await client.receive_some(_CHUNK)
        if first != _SSL_REQUEST:
            await self._forward(client, bytes(first))
        elif self.context is None:
            await client.send_all(b"N")
            await self._forward(client, b"")
        else:
            await client.send_all(b"S")
            stream = trio.SSLStream(client, self.context, server_side=True, https_compatible=True)
            await stream.do_handshake()
            await self._forward(stream, b"", encrypted=True)

    async def _forward(
        self, client: trio.abc.Stream, first: bytes, *, encrypted: bool = False
    ) -> None:
        first = first or bytes(await client.receive_some(_CHUNK))
        if not first:
            return  # it had seen enough, and said nothing
        self.encrypted += encrypted
        self.plain += not encrypted
        async with await self._connect() as server, trio.open_nursery() as nursery:
            await server.send_all(first)
            nursery.start_soon(_pump, client, server, nursery.cancel_scope)
            nursery.start_soon(_pump, server, client, nursery.cancel_scope)

    async def _connect(self) -> trio.SocketStream:
        query = parse_qs(self._target.query)
        host = query.get("host", [unquote(self._target.hostname or "127.0.0.1")])[0]
        port = int(query.get("port", [str(self._target.port or 5432)])[0])
        if host.startswith("/"):
            return await trio.open_unix_socket(f"{host}/.s.PGSQL.{port}")
        return await trio.open_tcp_stream(host, port)


async def _pump(source: trio.abc.Stream, sink: trio.abc.Stream, over: trio.CancelScope) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await source.receive_some(_CHUNK):
            await sink.send_all(data)
    over.cancel()


@contextlib.contextmanager
def tls_front(target: str, context: ssl.SSLContext | None) -> Iterator[TlsFront]:
    """A front before the database at `target`, in a thread of its own."""
    front = TlsFront(target, context)
    thread = front.start()
    try:
        yield front
    finally:
        front.stop()
        thread.join(_SECONDS)
        assert not thread.is_alive()
