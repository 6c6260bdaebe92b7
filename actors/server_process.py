"""One incarnation of the fork server: its process, the socket to it, the children it has made.

    ForkServer ── orders ──▶ channel ──▶ socket ──▶ process
    Children  ◀── Spawned, Exited ──────── socket ◀── process

Rules: the process is started on the trio thread, since PDEATHSIG fires when the thread that
started it ends. A process that does not take its orders or does not answer is killed: with it end
all its children, so nothing that was to be killed lives on.
"""

from __future__ import annotations

import contextlib
import os
import socket
from array import array
from collections.abc import Callable
from functools import partial

import attrs
import trio

from actors.child import BURIAL_SECONDS, Child, ChildExit, Message
from runtime.child.launch import setup, start_server
from runtime.child.orders import (
    AppBroken,
    AppSource,
    Exited,
    Lease,
    Manifest,
    Order,
    Ping,
    Pong,
    Report,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
    encode_line,
    report_lines,
)
from runtime.child.settings import ChildSettings
from runtime.errors import AppError, Unavailable
from runtime.wire import Decoder, Hello, WireError

_READ_BYTES = 64 * 1024
# Orders that may wait to be sent: far more than there are children. Full, the server is stuck.
MAX_ORDERS = 1024
# How long a server whose socket was closed may take to leave.
LEAVE_SECONDS = 1.0
# How often a server is asked to answer, and how long it may take, twice over: a node that was
# itself stopped meanwhile finds the first time spent. An order takes milliseconds.
PING_SECONDS = 5.0
PONG_SECONDS = 5.0
# How long a child may take until it is ready: forked, 0.01 s; spawned, it imports the app first.
BIRTH_SECONDS = {"fork": 10.0, "spawn": 300.0}
# And if it sets resources up first: a model may take minutes to load.
EAGER_BIRTH_SECONDS = 300.0
_POLL_SECONDS = 0.002


@attrs.frozen
class _Parcel:
    """An order, and the file descriptors that travel with it; they are its own."""

    line: bytes
    fds: tuple[int, ...] = ()

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)


@attrs.define(eq=False)
class _Birth:
    """A child that was ordered."""

    child: Child
    answered: trio.Event = attrs.field(factory=trio.Event)
    refused: str = ""


class ServerProcess:
    """See the module's docstring. `run` is its life; `spawn` and `order` are for meanwhile."""

    def __init__(
        self,
        app: AppSource,
        settings: ChildSettings,
        on_manifest: Callable[[Manifest], None],
    ) -> None:
        self._on_manifest = on_manifest
        self._setup = setup(app, settings)
        self._birth_seconds = BIRTH_SECONDS[settings.start_method]
        self._births: dict[int, _Birth] = {}
        self._last_token = 0
        self._orders, self._to_send = trio.open_memory_channel[_Parcel](MAX_ORDERS)
        self._process, ours = start_server(settings.workers)
        self._socket = trio.socket.from_stdlib_socket(ours)
        self._broken: AppError | None = None
        self._pong = trio.Event()
        self.gone = trio.Event()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def cause(self) -> str:
        """How it ended, in a few words; "" while it lives."""
        code = self._process.returncode
        if code is None:
            return ""
        return f"exit status {code}" if code >= 0 else f"signal {-code}"

    async def run(self) -> None:
        """Serve until the process is gone, or until cancelled; then it, too, is gone.

        Raises: AppError, if it cannot import the app.
        """
        self._order(self._setup)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_orders)
                nursery.start_soon(self._watch)
                await self._hear()
                nursery.cancel_scope.cancel()
        finally:
            with trio.move_on_after(LEAVE_SECONDS + BURIAL_SECONDS, shield=True):
                await self._end()
        if self._broken is not None:
            raise self._broken

    async def _send_orders(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `_hear` sees it too
            async for parcel in self._to_send:
                try:
                    await self._send(parcel)
                finally:
                    parcel.close()

    async def _send(self, parcel: _Parcel) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", parcel.fds))]
        sent = await self._socket.sendmsg([parcel.line], rights if parcel.fds else [])
        while rest := parcel.line[sent:]:
            sent += await self._socket.send(rest)

    async def _watch(self) -> None:
        """Kill a server that is stuck: it could kill no child, nor keep the lease."""
        await self._pong.wait()  # the import of the app may take its time
        while self._pong.is_set():
            await trio.sleep(PING_SECONDS)
            self._pong = trio.Event()
            self._order(Ping())
            for _ in range(2):
                with trio.move_on_after(PONG_SECONDS):
                    await self._pong.wait()
        self._process.kill()

    async def _hear(self) -> None:
        lines = report_lines()
        while True:
            try:
                data = await self._socket.recv(_READ_BYTES)
            except ConnectionResetError:
                return
            if not data:
                return
            for report in lines.feed(data):
                self._take(report)

    def _take(self, report: Report) -> None:
        match report:
            case Manifest():
                self._pong.set()
                if report.eager:
                    self._birth_seconds = max(self._birth_seconds, EAGER_BIRTH_SECONDS)
                self._on_manifest(report)
            case Pong():
                self._pong.set()
            case AppBroken(message):
                self._broken = AppError(message)
            case Spawned(token, pid):
                birth = self._births[token]
                birth.child.set_born(pid)
                birth.answered.set()
            case SpawnFailed(token, message):
                birth = self._births.pop(token)
                birth.refused = message
                birth.answered.set()
            case Exited():
                self._bury(self._births.pop(report.token).child, report)

    @staticmethod
    def _bury(child: Child, report: Exited) -> None:
        child.set_gone(
            ChildExit(
                child.pid,
                report.exit_status,
                report.signal,
                report.cause,
                max_rss_kib=report.max_rss_kib,
                cpu_seconds=report.cpu_seconds,
            )
        )

    # --- orders -----------------------------------------------------------------------------------

    def set_lease(self, until_ns: int) -> None:
        """See ForkServer.set_lease_deadline."""
        self._order(Lease(until_ns))

    def _order(self, order: Order, fds: tuple[int, ...] = ()) -> None:
        parcel = _Parcel(encode_line(order), fds)
        try:
            self._orders.send_nowait(parcel)
        except trio.WouldBlock:
            parcel.close()
            self._process.kill()

    def _tell(self, token: int, what: Message) -> None:
        if token in self._births and not self.gone.is_set():
            self._order(Signal(token, what))

    async def spawn(self, number: int, is_async: bool) -> Child | None:
        """A new child, ready for its first run, or dead or dying; None if this server died instead.

        Raises: Unavailable, if the server could not make a process.
        """
        if self.gone.is_set():
            return None
        self._last_token += 1
        birth = _Birth(Child(partial(self._tell, self._last_token)))
        self._births[self._last_token] = birth
        self._order(Spawn(self._last_token, number, is_async), birth.child.far_ends)
        try:
            await birth.answered.wait()
            with trio.move_on_after(self._birth_seconds) as patience:
                await _hear_hello(birth.child)
            if patience.cancelled_caught:
                birth.child.kill()
        except BaseException:
            birth.child.kill()
            birth.child.abandon()
            raise
        if birth.refused:
            birth.child.abandon()
            raise Unavailable(birth.refused)
        if birth.child.exit is not None and birth.child.exit.server_died:
            birth.child.abandon()
            return None
        return birth.child

    # --- its end ----------------------------------------------------------------------------------

    async def _end(self) -> None:
        """See the process out; then its children, which end with it."""
        self._socket.close()
        with trio.move_on_after(LEAVE_SECONDS):
            await self._wait_left()
        self._process.kill()
        await self._wait_left()
        self.gone.set()
        self._drop_orders()
        for birth in list(self._births.values()):
            await birth.child.outlive_server()
            birth.answered.set()

    def _drop_orders(self) -> None:
        with contextlib.suppress(trio.WouldBlock):
            while True:
                self._to_send.receive_nowait().close()

    async def _wait_left(self) -> None:
        while self._process.poll() is None:  # noqa: ASYNC110 - it has no event to wait for
            await trio.sleep(_POLL_SECONDS)


async def _hear_hello(child: Child) -> None:
    """Wait until the child is ready, or has ended before it was."""
    decoder = Decoder()
    while data := await child.receive():
        for frame in decoder.feed(data):
            if isinstance(frame, Hello):
                return
            raise WireError(f"a child began with {type(frame).__name__}")
