"""The campaigns' proxy, before a server that says everything twice."""

from __future__ import annotations

import random
import socket
import socketserver
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from scripts.campaigns.proxy import Network, Route, open_network, strike
from scripts.campaigns.weather import GONE, SILENT, Ambush, Weather

# The first message of a connection, and a query: see test_campaign_talk.py.
OPENING = (8).to_bytes(4) + (196_608).to_bytes(4)
COMMIT = b"Q" + (11).to_bytes(4) + b"COMMIT\0"
READY = b"Z\0\0\0\5I"
QUICK_SECONDS = 0.1  # in this time nothing comes
LONG_SECONDS = 10.0


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    heard: bytes = b""


class _Handler(socketserver.BaseRequestHandler):
    """Hears and answers: whatever came, that PostgreSQL is ready."""

    server: Server

    def handle(self) -> None:
        while data := self.request.recv(1000):
            self.server.heard += data
            self.request.sendall(READY)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(str(tmp_path / "server"), _Handler) as server:
        thread = threading.Thread(target=partial(server.serve_forever, 0.01))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def network(server: Server, tmp_path: Path) -> Iterator[Network]:
    with open_network(tmp_path / "server", random.Random(1)) as network:
        yield network


@pytest.fixture
def route(network: Network) -> Route:
    return network.add()


@pytest.fixture
def client(route: Route) -> Iterator[socket.socket]:
    with connect(route) as client:
        client.sendall(OPENING)
        assert client.recv(100) == READY
        yield client


def connect(route: Route) -> socket.socket:
    return socket.create_connection(("127.0.0.1", route.port), timeout=LONG_SECONDS)


def hears_nothing(client: socket.socket) -> bool:
    client.settimeout(QUICK_SECONDS)
    try:
        return client.recv(100) == b"never"
    except TimeoutError:
        return True
    finally:
        client.settimeout(LONG_SECONDS)


def put(network: Network, route: Route, weather: Weather | None) -> None:
    network.do(lambda: strike(weather, route, route.links))


def test_a_reset_is_one(network: Network, route: Route, client: socket.socket) -> None:
    put(network, route, None)
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    with connect(route) as other:
        other.sendall(OPENING)
        assert other.recv(100) == READY


def test_what_is_held_back_arrives_later(
    network: Network, route: Route, client: socket.socket
) -> None:
    put(network, route, SILENT)
    client.sendall(COMMIT)
    assert hears_nothing(client)
    network.heal(route)
    assert client.recv(100) == READY


def test_it_arrives_though_its_sender_has_gone(
    network: Network, route: Route, client: socket.socket, server: Server
) -> None:
    put(network, route, SILENT)
    client.sendall(COMMIT)
    client.close()
    assert hears_commit(server, within=QUICK_SECONDS) is False
    network.heal(route)
    assert hears_commit(server, within=LONG_SECONDS)


def hears_commit(server: Server, *, within: float) -> bool:
    waited = threading.Event()
    for _ in range(int(within / 0.01)):
        if COMMIT in server.heard:
            return True
        waited.wait(0.01)
    return COMMIT in server.heard


@pytest.mark.parametrize("forget", [False, True])
def test_a_connection_that_has_lost_bytes_never_goes_on(
    network: Network, route: Route, client: socket.socket, server: Server, forget: bool
) -> None:
    put(network, route, Weather(to_server="drop"))
    client.sendall(COMMIT)
    assert hears_nothing(client)
    network.heal(route, forget=forget)
    if forget:
        client.sendall(COMMIT)
        assert hears_nothing(client)
    else:
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    assert COMMIT not in server.heard


def test_a_statement_is_struck_before_it_reaches_the_server(
    network: Network, route: Route, client: socket.socket, server: Server
) -> None:
    ambush = Ambush(frozenset({"COMMIT"}), after=False, weather=None, whole=False)
    network.do(lambda: route.lay(ambush))
    client.sendall(COMMIT)
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    assert ambush.sprung
    assert COMMIT not in server.heard


def test_or_when_it_has_had_its_effect(
    network: Network, route: Route, client: socket.socket, server: Server
) -> None:
    ambush = Ambush(frozenset({"COMMIT"}), after=True, weather=GONE, whole=True)
    network.do(lambda: route.lay(ambush))
    client.sendall(COMMIT)
    assert hears_commit(server, within=LONG_SECONDS)
    assert hears_nothing(client)
    assert ambush.sprung


def test_an_ambush_waits_for_its_statement_and_strikes_once(
    network: Network, route: Route, client: socket.socket
) -> None:
    ambush = Ambush(frozenset({"LISTEN"}), after=False, weather=None, whole=True)
    network.do(lambda: route.lay(ambush))
    client.sendall(COMMIT)
    assert client.recv(100) == READY
    assert not ambush.sprung


def test_a_route_that_refuses_has_the_same_address_later(network: Network, route: Route) -> None:
    port = route.port
    network.do(route.refuse)
    with pytest.raises(ConnectionRefusedError):
        connect(route)
    network.heal(route)
    with connect(route) as client:
        client.sendall(OPENING)
        assert client.recv(100) == READY
    assert route.port == port


def test_a_producer_is_waited_for_until_it_is_served(
    network: Network, route: Route, client: socket.socket
) -> None:
    assert network.wait_back(route, is_client=True, seconds=QUICK_SECONDS) is None
    client.sendall(COMMIT)
    waiting = threading.Timer(QUICK_SECONDS, client.sendall, [COMMIT])
    waiting.start()
    seconds = network.wait_back(route, is_client=True, seconds=LONG_SECONDS)
    waiting.join()
    assert seconds is not None
