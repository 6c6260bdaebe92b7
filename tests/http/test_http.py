"""The Http actor on a real socket: pages, methods, bounds, and a stop that ends it."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from actors.http import Health, Http, conversation, server
from actors.kit import Life
from actors.metrics import Metrics
from runtime.errors import ConfigError


def make(port: int = 0, *, yielding: bool = False) -> Http:
    return Http("127.0.0.1", port, Metrics("1.2.3"), Health(), yielding)


@asynccontextmanager
async def serving(http: Http) -> AsyncIterator[int]:
    started = trio.Event()
    life = Life("http", on_started=started.set)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(http.run, life)
        await started.wait()
        yield int(http.addresses[0].rpartition(":")[2])
        life.ask_to_stop()


async def exchange(port: int, request: bytes, *, half_close: bool = True) -> bytes:
    """Send, and read until the server closes."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(request)
        if half_close:
            await stream.send_eof()
        received = bytearray()
        with trio.fail_after(20):
            async for chunk in stream:
                received += chunk
    return bytes(received)


async def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes, bytes]:
    request = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    head, _, body = (await exchange(port, request.encode())).partition(b"\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


async def test_metrics_and_health_are_served() -> None:
    http = make()
    async with serving(http) as port:
        status, head, body = await get(port, "/metrics")
        assert status == 200
        assert b"content-type: text/plain; version=0.0.4" in head
        assert b'version="1.2.3"' in body
        http.health.beat("acker")
        status, head, body = await get(port, "/healthz?verbose=1")
        assert (status, json.loads(body)["status"]) == (200, "alive")
        assert b"content-type: application/json" in head
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)["status"]) == (503, "not ready")
        for name in ("database", "migrated", "listening"):
            http.health.set(name, True)
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)["status"]) == (200, "ready")
        assert json.loads(body)["checks"]["database"] == {"ok": True}
    assert http.addresses == ()


async def test_the_index_lists_the_pages() -> None:
    async with serving(make()) as port:
        assert (await get(port, "/"))[2] == b"/metrics\n/healthz\n/readyz\n"


async def test_head_has_the_headers_alone() -> None:
    async with serving(make()) as port:
        status, head, body = await get(port, "/metrics", "HEAD")
        assert (status, body) == (200, b"")
        assert b"content-length: " in head


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/no", 404), ("POST", "/no", 404), ("POST", "/metrics", 405), ("PUT", "/", 405)],
)
async def test_what_is_not_there_is_refused(method: str, path: str, status: int) -> None:
    async with serving(make()) as port:
        answered, head, _ = await get(port, path, method)
        assert answered == status
        assert (b"allow: get, head" in head) == (status == 405)


async def test_one_connection_carries_many_requests() -> None:
    request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    async with serving(make()) as port:
        assert (await exchange(port, request * 5)).count(b"HTTP/1.1 200") == 5


async def test_a_connection_ends_after_its_number_of_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "MAX_REQUESTS", 3)
    request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    async with serving(make()) as port:
        assert (await exchange(port, request * 3, half_close=False)).count(b"HTTP/1.1 200") == 3


async def test_a_small_body_is_read_and_ignored() -> None:
    async with serving(make()) as port:
        request = (
            b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbodyGET / HTTP/1.0\r\n\r\n"
        )
        assert (await exchange(port, request)).count(b" 200 ") == 2


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n"
    async with serving(make()) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(head)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 100")
            await stream.send_all(b"x")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 405")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no host
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * conversation.MAX_HEAD_BYTES, 431),
        (
            b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
            % (conversation.MAX_BODY_BYTES + 1)
            + b"b" * (conversation.MAX_BODY_BYTES + 1),
            413,
        ),
    ],
)
async def test_a_bad_or_large_request_is_refused_and_closed(
    request_bytes: bytes, status: int
) -> None:
    async with serving(make()) as port:
        assert (await exchange(port, request_bytes)).startswith(b"HTTP/1.1 %d" % status)
        assert (await get(port, "/"))[0] == 200  # and serves on


async def test_a_peer_that_goes_away_or_says_nothing_costs_its_connection_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "REQUEST_SECONDS", 0.05)
    async with serving(make()) as port:
        assert await exchange(port, b"GET / HT", half_close=False) == b""
        assert (await exchange(port, b"GET / HT")).startswith(b"HTTP/1.1 400")
        assert (await get(port, "/"))[0] == 200


async def test_where_there_are_too_many_connections_the_oldest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    async with serving(make()) as port:
        silent = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(7)]
        for _ in range(3):
            assert (await get(port, "/healthz"))[0] == 200
        closed = 0
        for stream in silent:
            with trio.move_on_after(0.2):
                closed += await stream.receive_some() == b""
            await stream.aclose()
        assert closed == 5  # two have room beside the one that asks


async def test_a_page_that_fails_is_a_500_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    http = make()
    async with serving(http) as port:
        with monkeypatch.context() as patch:
            patch.setattr(http.metrics, "render", lambda: 1 // 0)
            assert (await get(port, "/metrics"))[0] == 500
        assert "ZeroDivisionError" in caplog.text
        assert (await get(port, "/metrics"))[0] == 200


async def test_a_taken_port_is_an_error_unless_we_may_yield(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"http_port {port}: .*in use"):
            await make(port).run(Life("http"))
        async with serving(make(port, yielding=True)) as free:
            assert free != port
            assert (await get(free, "/healthz"))[0] == 200
    assert f"port {port} is taken" in caplog.text


async def test_an_address_that_is_not_ours_is_refused() -> None:
    for host in ("192.0.2.1", "no such host"):
        http = Http(host, 0, Metrics("1"), Health(), yielding=True)
        with pytest.raises(ConfigError, match=f"cannot listen on http_host {host}"):
            await http.run(Life("http"))


async def test_an_open_connection_does_not_hold_up_the_stop() -> None:
    with trio.fail_after(5):
        async with serving(make()) as port:
            idle = await trio.open_tcp_stream("127.0.0.1", port)
    await idle.aclose()
