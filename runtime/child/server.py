"""The fork server: one small process that has imported the app and makes the node's children.

    node ◀── orders, reports ──▶ fork server ── fork ──▶ children

Rules: it has one thread, so that a fork is safe and PDEATHSIG means its end; it runs no code of
the user's but the import of the app; it never waits for the node, so that the lease is kept also
while the node is stopped; it alone reaps children, so that no signal goes to a reused pid.
When the node ends, the children end: the kernel kills this process, and its end kills them.

From the request for a child to its Hello: 4 ms; 11 ms when the app holds a million objects and
200 MiB (medians of 15, 2 cores, Linux 6.18, Python 3.11). The import takes 100 ms to seconds.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import selectors
import signal
import socket
import sys
import threading
import time
import warnings
from types import FrameType
from typing import assert_never

import msgspec

from runtime.child import kernel, launch
from runtime.child.birth import Birth, ignore_signals
from runtime.child.brood import Brood
from runtime.child.control import Control
from runtime.child.handler import HandlerSource, eager_of
from runtime.child.live import import_loops, live
from runtime.child.loading import AppLoadError, load_app, schedules_of
from runtime.child.orders import (
    AppBroken,
    Lease,
    Manifest,
    Order,
    Ping,
    Pong,
    Setup,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
)
from runtime.child.spawning import Spawner

EXIT_APP_BROKEN = 1
# How long a node that is slow to read may keep us from ending after a failed import.
_LAST_WORDS_SECONDS = 5.0
_NANO = 1_000_000_000


def main(control_fd: int, node_pid: int) -> None:
    """The process's life: import, serve. It comes back in each fork too, to live as a child."""
    kernel.die_with(node_pid)
    if sys.stderr is not None:
        faulthandler.enable()  # for the import; a child has a file of its own
    kernel.name_process("headrace-fork")
    os.set_inheritable(control_fd, False)
    control = Control(socket.socket(fileno=control_fd))
    setup = control.wait_for_setup()
    if setup is None:
        return
    app = _import_app(setup, control)
    birth = Server(control, setup).serve()
    if birth is not None:
        live(birth, app, setup.settings)


def _import_app(setup: Setup, control: Control) -> HandlerSource:
    sys.path[:] = setup.sys_path
    launch.importing_app = True
    try:
        app = load_app(setup.import_path, setup.pickled)
        schedules = schedules_of(app)
    except AppLoadError as error:
        control.tell(AppBroken(str(error)))
        control.flush_for(_LAST_WORDS_SECONDS)
        raise SystemExit(EXIT_APP_BROKEN) from None
    kinds = [msgspec.structs.replace(each.info(), kind=kind) for kind, each in app.handlers.items()]
    launch.importing_app = False
    import_loops(kind.is_async for kind in kinds)
    eager = any(eager_of(app, is_async=each.is_async) for each in kinds)
    control.tell(Manifest(kinds, threading.active_count(), schedules, eager))
    return app


class Server:
    """Obeys orders, reaps, keeps the lease."""

    def __init__(self, control: Control, setup: Setup) -> None:
        self._control = control
        self._brood = Brood()
        self._spawner = Spawner(setup) if setup.settings.start_method == "spawn" else None
        self._lease_ns = 0  # 0: none
        self._selector = selectors.DefaultSelector()
        self._alarm, self._alarm_end = socket.socketpair()

    def serve(self) -> Birth | None:
        """Serve until the node is gone: then None. In each new child: its birth."""
        self._prepare()
        while not self._control.closed:
            self._wait()
            self._control.read()
            while (order := self._control.next_order()) is not None:
                birth = self._obey(order)
                if birth is not None:
                    self._leave()
                    return birth
            self._keep_lease()
            for exited in self._brood.reap():
                self._control.tell(exited)
        self._brood.kill_all("kill")
        return None

    def _prepare(self) -> None:
        self._alarm.setblocking(False)
        self._alarm_end.setblocking(False)
        signal.set_wakeup_fd(self._alarm_end.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake)
        ignore_signals()
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._selector.register(self._control, selectors.EVENT_READ)
        # What was imported is never freed: kept out of collections, its pages stay shared.
        gc.collect()
        gc.freeze()

    def _wait(self) -> None:
        events = selectors.EVENT_READ
        if self._control.has_unsent:
            events |= selectors.EVENT_WRITE
        self._selector.modify(self._control, events)
        for key, _mask in self._selector.select(self._seconds_to_lease()):
            if key.fileobj is self._alarm:
                self._alarm.recv(4096)
        self._control.flush()

    def _seconds_to_lease(self) -> float | None:
        remaining = self._lease_ns - time.monotonic_ns()
        return remaining / _NANO if self._lease_ns and remaining > 0 else None

    @property
    def _lease_over(self) -> bool:
        return bool(self._lease_ns) and time.monotonic_ns() >= self._lease_ns

    def _keep_lease(self) -> None:
        if self._lease_over:
            self._brood.kill_all("lease")

    def _obey(self, order: Order) -> Birth | None:
        match order:
            case Spawn():
                return self._spawn(order)
            case Signal(token, what):
                self._brood.send(token, what)
            case Lease(until_ns):
                self._lease_ns = until_ns
            case Ping():
                self._control.tell(Pong())
            case Setup():
                raise RuntimeError("a second Setup")
            case _:
                assert_never(order)
        return None

    def _spawn(self, order: Spawn) -> Birth | None:
        fds = self._control.take_fds()
        birth = Birth(order.number, order.is_async, fds[0], fds[1], fds[2], os.getpid())
        if self._lease_over:
            self._control.tell(SpawnFailed(order.token, "the node's lease has run out"))
        else:
            try:
                pid = _fork() if self._spawner is None else self._spawner.spawn(birth)
            except OSError as error:
                self._control.tell(SpawnFailed(order.token, f"cannot make a process: {error}"))
            else:
                if pid == 0:
                    return birth
                self._brood.add(order.token, pid)
                self._control.tell(Spawned(order.token, pid))
        for fd in fds:
            os.close(fd)
        return None

    def _leave(self) -> None:
        """In a new child: let go of what is the server's."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._alarm.close()
        self._alarm_end.close()
        self._control.close()


def _fork() -> int:
    with warnings.catch_warnings():
        # Of threads that the import has started: the node is told by the Manifest. Turned into an
        # error, the warning would be raised here with the child already there.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _wake(_number: int, _frame: FrameType | None) -> None:
    """The wakeup descriptor has done what is needed."""
