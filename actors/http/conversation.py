"""One connection's conversation: requests in, responses out, by HTTP/1.1 as h11 understands it.

Rules: everything is bounded: a request's head, its body (read and thrown away), the time it may
take to come and its response to go, the number of requests. Whatever the peer does ends at worst
this connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from email.utils import formatdate

import h11
import trio

from actors.http.pages import Response

logger = logging.getLogger(__name__)

Answer = Callable[[bytes, bytes], Response]  # (method, target) -> Response

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 16 * 1024
RECEIVE_BYTES = 16 * 1024
# A request comes from a scraper or a probe in one packet; between requests a scraper waits 15 s
# to 60 s, and opening a connection anew costs it nothing.
REQUEST_SECONDS = 10.0
RESPONSE_SECONDS = 10.0
MAX_REQUESTS = 1000


class _TooLarge(Exception):
    """The request's body is over its bound."""


class Conversation:
    """Answers one connection's requests until either side has had enough."""

    def __init__(self, stream: trio.abc.Stream, answer: Answer) -> None:
        self._stream = stream
        self._answer = answer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def run(self) -> None:
        """Returns when the connection is over; the stream is closed then."""
        async with self._stream:
            try:
                await self._converse()
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint)
            except _TooLarge:
                await self._refuse(413)
            except (trio.BrokenResourceError, trio.TooSlowError) as error:
                logger.debug("a connection broke off: %r", error)

    async def _converse(self) -> None:
        for _ in range(MAX_REQUESTS):
            with trio.move_on_after(REQUEST_SECONDS) as waiting:
                request = await self._receive_request()
            if waiting.cancelled_caught or request is None:
                return
            await self._send(self._compute(request), bare=request.method == b"HEAD")
            if self._http.our_state is h11.MUST_CLOSE:
                return
            self._http.start_next_cycle()

    async def _receive_request(self) -> h11.Request | None:
        """The next request, its body thrown away; None when there will be no more."""
        request: h11.Request | None = None
        body = 0
        while True:
            match await self._next_event():
                case h11.Request() as request:
                    pass
                case h11.Data(data=data):
                    body += len(data)
                    if body > MAX_BODY_BYTES:
                        raise _TooLarge
                case h11.EndOfMessage():
                    return request
                case _:
                    return None

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send_event(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(bytes(await self._stream.receive_some(RECEIVE_BYTES)))
        return event

    def _compute(self, request: h11.Request) -> Response:
        try:
            return self._answer(request.method, request.target)
        except Exception:
            logger.exception("the page %r failed", request.target)
            return Response(500, b"the page failed; see the log\n")

    async def _refuse(self, status: int) -> None:
        """Say why we close, if that can still be said."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        refusal = Response(status, b"refused\n", headers=(("connection", "close"),))
        try:
            await self._send(refusal, bare=False)
        except (trio.BrokenResourceError, trio.TooSlowError, h11.LocalProtocolError) as error:
            logger.debug("a refusal did not get through: %r", error)

    async def _send(self, response: Response, *, bare: bool) -> None:
        with trio.fail_after(RESPONSE_SECONDS):
            head = h11.Response(status_code=response.status, headers=_headers(response))
            await self._send_event(head)
            if not bare:
                await self._send_event(h11.Data(data=response.body))
            await self._send_event(h11.EndOfMessage())

    async def _send_event(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            await self._stream.send_all(data)


def _headers(response: Response) -> list[tuple[str, str]]:
    return [
        ("date", formatdate(usegmt=True)),
        ("content-type", response.content_type),
        ("content-length", str(len(response.body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *response.headers,
    ]
