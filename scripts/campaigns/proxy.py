"""A network at its worst: routes to PostgreSQL over which bytes are delayed, held back or lost.

    a node, or a client ── Route (its own address) ── Link, Link, ... ── PostgreSQL's socket

Rules: where a connection has lost a byte, none behind it goes the same way: in the end it is reset,
or forgotten. A reset is a real one (RST). What is held back arrives when the weather is fair again,
also if its sender has long gone. All of it lives in one asyncio loop (`Network`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

from runtime.client.thread import LoopThread
from scripts.campaigns.talk import Talk
from scripts.campaigns.weather import FAIR, GONE, Ambush, Comeback, Mode, Weather

_CHUNK = 65_536
# How long the server may take to answer somebody who has gone; then it is told.
_FAREWELL_SECONDS = 2.0
_LOOK_SECONDS = 0.005
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time

_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@attrs.define(eq=False)
class Link:
    """One connection of a route. Attributes: talk, what was said over it."""

    route: Route
    client: _Ends
    server: _Ends
    talk: Talk = attrs.field(factory=Talk)
    _weather: Weather | None = None  # None: the route's
    _lost: set[bool] = attrs.field(factory=set)  # the directions that have lost bytes; True: up
    _changed: asyncio.Event = attrs.field(factory=asyncio.Event)
    _ambush: Ambush | None = None  # waits for the answer that comes next
    _withheld: bytes = b""

    async def serve(self) -> None:
        """Carry bytes until one side has ended, or it is reset."""
        up = asyncio.create_task(self._pump(self.client[0], self.server[1], is_up=True))
        down = asyncio.create_task(self._pump(self.server[0], self.client[1], is_up=False))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                await asyncio.wait({down}, timeout=_FAREWELL_SECONDS)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self._abort()

    def reset(self) -> None:
        """Break it."""
        self.change(GONE)
        for _, writer in (self.client, self.server):
            if not writer.is_closing():
                with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as end:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._abort()

    def change(self, weather: Weather | None) -> None:
        """Have weather of its own; None: that of its route."""
        self._weather = weather
        self.wake()

    def wake(self) -> None:
        """The weather has changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def is_ill(self) -> bool:
        """Whether it has lost bytes, or its weather is not fair."""
        return bool(self._lost) or (self._weather or self.route.weather) != FAIR

    def heal(self, *, reset: bool, forget: bool) -> None:
        """Let bytes flow; where some were lost, reset it. See Route.heal."""
        self._ambush = None
        if reset or (self._lost and not forget):
            self.reset()
        else:
            self.change(GONE if forget else None)

    def _abort(self) -> None:
        for _, writer in (self.client, self.server):
            writer.transport.abort()

    def _mode(self, is_up: bool) -> Mode:
        weather = self._weather or self.route.weather
        if is_up in self._lost:
            return "drop"
        return weather.to_server if is_up else weather.to_client

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool
    ) -> None:
        with contextlib.suppress(OSError):  # broken: as if it had ended
            while data := await reader.read(_CHUNK):
                if is_up:
                    self._hear_client(data)
                    await self._pass(data, writer, is_up=True)
                else:
                    await self._pass_answer(data, writer)
        await self._fare(is_up)
        if self._mode(is_up) == "flow" and not writer.is_closing():
            writer.write_eof()

    def _hear_client(self, data: bytes) -> None:
        for statement in self.talk.asked(data):
            ambush = self.route.take_ambush(statement)
            if ambush is not None and ambush.after:
                self._ambush = ambush
            elif ambush is not None:
                self.route.spring(ambush, self)

    async def _pass_answer(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        answers = self.talk.answered(data)
        data, self._withheld = self._withheld + data, b""
        if self._ambush is not None:
            if not answers:
                self._withheld = data
                return
            ambush, self._ambush = self._ambush, None
            self.route.spring(ambush, self)
        if await self._pass(data, writer, is_up=False) and not self.client[0].at_eof():
            for answer in answers:
                self.route.comeback.hear(answer)

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter, *, is_up: bool) -> bool:
        """Whether they went on."""
        await self._fare(is_up)
        if self._mode(is_up) == "drop" or writer.is_closing():
            self._lost.add(is_up)
            return False
        writer.write(data)
        await writer.drain()
        return True

    async def _fare(self, is_up: bool) -> None:
        """Wait as long as the weather has it."""
        low, high = (self._weather or self.route.weather).delay
        if high:
            await asyncio.sleep(self.route.dice.uniform(low, high))
        while self._mode(is_up) == "hold":
            await self._changed.wait()


@attrs.define(eq=False)
class Route:
    """One party's way to the database. To be used in the loop of its Network.

    Attributes: comeback, told of each answer that arrives; links, its connections; port, of its
    address, unless that is a unix socket.
    """

    target: Path
    dice: random.Random
    weather: Weather = FAIR
    comeback: Comeback = attrs.field(factory=Comeback)
    links: set[Link] = attrs.field(factory=set)
    port: int = 0
    _path: Path | None = None
    _ambush: Ambush | None = None
    _server: asyncio.Server | None = None

    async def open(self, path: Path | None = None) -> None:
        """Accept connections: at 127.0.0.1, always at the same port; or at a unix socket."""
        self._path = path or self._path
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._carry, str(self._path))
            return
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Accept no connections, until `heal`."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def change(self, weather: Weather) -> None:
        """Have this weather on all connections that have none of their own."""
        self.weather = weather
        for link in self.links:
            link.wake()

    def reset(self, links: Iterable[Link]) -> None:
        """Break some connections."""
        for link in list(links):
            link.reset()

    async def heal(self, *, reset: bool = False, forget: bool = False) -> None:
        """Have fair weather.

        Args: reset: break all connections, and not only those that have lost bytes. forget: break
        none, but let nothing through where the weather was bad, until it heals the next time.
        """
        self._ambush = None
        ill = {link for link in self.links if link.is_ill}
        self.weather = FAIR
        for link in list(self.links):
            link.heal(reset=reset, forget=forget and link in ill)
        if self._server is None:
            await self.open()

    def lay(self, ambush: Ambush) -> None:
        """Have it wait for its statement."""
        self._ambush = ambush

    def take_ambush(self, statement: str) -> Ambush | None:
        """The ambush, if it is for this statement: no other will meet it."""
        ambush = self._ambush
        if ambush is None or not ambush.is_for(statement):
            return None
        self._ambush = None
        return ambush

    def spring(self, ambush: Ambush, link: Link) -> None:
        """It strikes, at this connection or at all."""
        ambush.sprung = True
        strike(ambush.weather, self, self.links if ambush.whole else {link})

    async def close(self) -> None:
        """End all of it."""
        self.refuse()
        self.reset(self.links)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_unix_connection(str(self.target))
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), server)
        self.links.add(link)
        try:
            await link.serve()
        finally:
            self.links.discard(link)


def strike(weather: Weather | None, route: Route, links: set[Link]) -> None:
    """Have this weather on these connections, or, if they are all, on new ones too; None: reset."""
    if weather is None:
        route.reset(links)
    elif links == route.links:
        route.change(weather)
    else:
        for link in links:
            link.change(weather)


@attrs.define
class Network:
    """The loop of all routes, in a thread of its own. To be called from other threads."""

    target: Path
    dice: random.Random
    routes: list[Route] = attrs.field(factory=list)
    _loop: LoopThread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._loop = LoopThread(self._close)

    def add(self, path: Path | None = None) -> Route:
        """One more route, that accepts connections: see Route.open."""
        route = Route(self.target, random.Random(self.dice.random()))
        self._loop.call(lambda: route.open(path))
        self.routes.append(route)
        return route

    def do(self, action: Callable[[], None]) -> None:
        """Do something with a route."""

        async def step() -> None:
            action()

        self._loop.call(step)

    def heal(self, route: Route, *, reset: bool = False, forget: bool = False) -> None:
        """See Route.heal."""
        self._loop.call(lambda: route.heal(reset=reset, forget=forget))

    def wait_back(self, route: Route, *, is_client: bool, seconds: float) -> float | None:
        """How long from now it takes until that party is served; None: longer than `seconds`."""

        async def wait() -> float | None:
            began, route.comeback = time.monotonic(), Comeback(is_client)
            while not route.comeback.done:
                if time.monotonic() - began > seconds:
                    return None
                await asyncio.sleep(_LOOK_SECONDS)
            return time.monotonic() - began

        return self._loop.call(wait)

    def stop(self) -> None:
        """End all of it."""
        self._loop.stop()

    async def _close(self) -> None:
        for route in self.routes:
            await route.close()


@contextlib.contextmanager
def open_network(target: Path, dice: random.Random) -> Iterator[Network]:
    """A network before the server whose unix socket is `target`, for as long as the block lasts."""
    network = Network(target, dice)
    try:
        yield network
    finally:
        network.stop()
