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
from collections.abc import Callable, Sequence
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

_READ_BYTES = 64 * 1024
# Orders that may wait to be sent: far more than there are children. Full, the server is stuck.
MAX_ORDERS = 1024
# How long a server whose socket was closed may take to leave.
LEAVE_SECONDS = 1.0
_POLL_SECONDS = 0.002


@attrs.frozen
class _Sent:
    """An order and the file descriptors that travel with it."""

    line: bytes
    fds: tuple[int, ...] = ()
    done: Callable[[], None] = lambda: None


@attrs.define(eq=False)
class _Birth:
    """A child that was ordered."""

    child: Child
    answered: trio.Event = attrs.field(factory=trio.Event)
    refused: str = ""


class ServerProcess:
    """See the module's docstring. `run` is its life; `spawn` and `order` are for meanwhile."""

    def __init__(self, app: AppSource, settings: ChildSettings) -> None:
        self._setup = setup(app, settings)
        self._births: dict[int, _Birth] = {}
        self._last_token = 0
        self._orders, self._to_send = trio.open_memory_channel[_Sent](MAX_ORDERS)
        self._process, ours = start_server(settings.workers)
        self._socket = trio.socket.from_stdlib_socket(ours)
        self.manifest: Manifest | None = None
        self.manifested = trio.Event()
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
                await self._hear()
                nursery.cancel_scope.cancel()
        finally:
            with trio.move_on_after(LEAVE_SECONDS + BURIAL_SECONDS, shield=True):
                await self._end()
            self.gone.set()

    async def _send_orders(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `_hear` sees it too
            async for sent in self._to_send:
                try:
                    await self._send(sent)
                finally:
                    sent.done()

    async def _send(self, sent: _Sent) -> None:
        line, fds = sent.line, sent.fds
        while line:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _packed(fds))] if fds else []
            size = await self._socket.sendmsg([line], ancillary)
            line, fds = line[size:], ()

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
                self.manifest = report
                self.manifested.set()
            case AppBroken(message):
                raise AppError(message)
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
            )
        )

    # --- orders -----------------------------------------------------------------------------------

    def _order(self, order: Order, fds: tuple[int, ...] = (), done: Callable[[], None] = lambda: None) -> None:
        try:
            self._orders.send_nowait(_Sent(encode_line(order), fds, done))
        except trio.WouldBlock:
            done()
            self._process.kill()

    def set_lease(self, until_ns: int) -> None:
        """See ForkServer.set_lease_deadline."""
        self._order(Lease(until_ns))

    def _tell(self, token: int, what: Message) -> None:
        if token in self._births:
            self._order(Signal(token, what))

    async def spawn(self, number: int, is_async: bool) -> Child | None:
        """A new child; None if this server died before there was one.

        Raises: Unavailable, if the server could not make a process.
        """
        self._last_token += 1
        token = self._last_token
        birth = _Birth(Child(partial(self._tell, token)))
        self._births[token] = birth
        try:
            sock, *files = birth.child.take_far_ends()
            self._order(Spawn(token, number, is_async), (sock.fileno(), *files), sock.close)
            await birth.answered.wait()
        except BaseException:
            birth.child.kill()
            birth.child.abandon()
            raise
        ...
        return birth.child

    async def _end(self) -> None:
        """See the process out; then its children, which end with it."""
