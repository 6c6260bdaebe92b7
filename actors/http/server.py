"""The Http actor: holds the listening socket and a bounded number of connections."""

from __future__ import annotations

import errno
import logging

import attrs
import trio

from actors.http.conversation import Conversation
from actors.http.health import Health
from actors.http.pages import Response, pages, respond
from actors.kit.life import Life
from actors.metrics import Metrics
from runtime.errors import ConfigError

logger = logging.getLogger("headrace")

# Scrapers and probes of a node are a handful. When there are more, the oldest makes room for the
# next: so whoever holds many, and says nothing, keeps nobody out.
MAX_CONNECTIONS = 64


@attrs.define
class Http:
    """Serves a node's pages.

    Args:
        host, port: where to listen; port 0: any free one.
        yielding: take any free port if this one is taken, and say so in the log.
    """

    host: str
    port: int
    metrics: Metrics
    health: Health
    yielding: bool = False
    addresses: tuple[str, ...] = attrs.field(default=(), init=False)  # URLs, once it listens
    _talks: dict[trio.CancelScope, None] = attrs.field(factory=dict, init=False)  # oldest first

    async def run(self, life: Life) -> None:
        """Serve until asked to stop. Raises ConfigError if it cannot listen there."""
        listeners = await self._listen()
        self.addresses = tuple(_url(listener) for listener in listeners)
        logger.info("metrics and health at %s", ", ".join(self.addresses))
        life.started()
        try:
            with life.stop_scope():
                await trio.serve_listeners(self._serve, listeners)
        finally:
            self.addresses = ()

    async def _listen(self) -> list[trio.SocketListener]:
        try:
            return await self._open(self.port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and self.yielding:
                logger.warning("%s port %d is taken; taking any free one", self.host, self.port)
                return await self._open(0)
            raise ConfigError(
                f"cannot listen on http_host {self.host}, http_port {self.port}: {error.strerror}"
            ) from error

    async def _open(self, port: int) -> list[trio.SocketListener]:
        return await trio.open_tcp_listeners(port, host=self.host)

    async def _serve(self, stream: trio.SocketStream) -> None:
        if len(self._talks) >= MAX_CONNECTIONS:
            oldest = next(iter(self._talks))
            del self._talks[oldest]
            oldest.cancel()
        with trio.CancelScope() as scope:
            self._talks[scope] = None
            try:
                await Conversation(stream, self._answer).run()
            finally:
                self._talks.pop(scope, None)

    def _answer(self, method: bytes, target: bytes) -> Response:
        return respond(pages(self.metrics, self.health), method, target)


def _url(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
