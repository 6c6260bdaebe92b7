"""HTTP: slow, huge and garbled requests cost their own connection, and nobody else's."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.http import Health, conversation
from actors.http.pages import pages, respond
from actors.metrics import Metrics
from tests.http.test_http import exchange, get, make, serving
from tests.support.sessions import until

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"


@asynccontextmanager
async def dripping(port: int, request: bytes, seconds: float) -> AsyncIterator[trio.SocketStream]:
    """A connection on which a request comes a byte at a time."""

    async def drip(stream: trio.SocketStream) -> None:
        try:
            for at in range(len(request)):
                await stream.send_all(request[at : at + 1])
                await trio.sleep(seconds)
        except trio.BrokenResourceError:
            return  # we were thrown out

    async with trio.open_nursery() as nursery:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        nursery.start_soon(drip, stream)
        yield stream
        nursery.cancel_scope.cancel()
        await stream.aclose()


@pytest.mark.parametrize(
    "request_bytes",
    [HEAD + b"x: " + b"a" * 10_000, HEAD + b"content-length: 10000\r\n\r\n" + b"b" * 10_000],
    ids=["head", "body"],
)
async def test_a_request_that_comes_in_drops_is_given_up_in_time(
    request_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "REQUEST_SECONDS", 0.3)
    async with serving(make()) as port, dripping(port, request_bytes, 0.002) as stream:
        assert (await get(port, "/healthz"))[0] == 200  # meanwhile
        with trio.fail_after(5):
            try:
                assert await stream.receive_some() == b""
            except trio.BrokenResourceError:
                return  # thrown out so hard that it was in the middle of a word


async def test_a_peer_that_does_not_read_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "RESPONSE_SECONDS", 0.2)
    http = make()
    monkeypatch.setattr(http.metrics, "render", lambda: b"x" * 50_000_000)
    async with serving(http) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            with trio.fail_after(5):
                await until(lambda: http._talks)
                assert (await get(port, "/healthz"))[0] == 200  # meanwhile
                await until(lambda: not http._talks)


def hostile() -> Iterator[bytes]:
    """Requests that are none, or too much of one."""
    yield b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nhost: x\r\n" + b"h: v\r\n" * 10_000 + b"\r\n"
    yield HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"400\r\n" + b"c" * 0x400 + b"\r\n" * 50
    yield HEAD + b"transfer-encoding: chunked\r\n\r\n" + (b"400\r\n" + b"c" * 0x400 + b"\r\n") * 50
    yield HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffffff\r\n"
    yield HEAD + b"content-length: 99999999999999999999\r\n\r\n"
    yield HEAD + b"content-length: -1\r\n\r\n"
    yield HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)  # TLS
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield b"\r\n" * 20_000
    yield bytes(20_000)
    dice = random.Random(5)
    yield from (dice.randbytes(dice.randrange(1, 3_000)) for _ in range(30))


async def test_nothing_that_is_sent_stops_the_server() -> None:
    async with serving(make()) as port:
        for request in hostile():
            try:
                answer = await exchange(port, request)
            except trio.BrokenResourceError:
                continue  # it would not even listen to the end
            assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501"))
            assert b"Traceback" not in answer
        assert (await get(port, "/healthz"))[0] == 200


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(method=st.binary(max_size=20), target=st.binary(max_size=200))
def test_any_target_is_a_page_or_is_not_there_and_is_not_repeated(
    method: bytes, target: bytes
) -> None:
    table = pages(Metrics("1"), Health())
    response = respond(table, method, target)
    if target.partition(b"?")[0].decode("ascii", "replace") not in (*table, "/"):
        assert (response.status, response.body) == (404, b"no such page; / lists those that are\n")
    else:
        assert response.status in (200, 405, 503)
