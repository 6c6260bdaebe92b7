"""The life of a child for plain handlers: one run after the other, in the main thread.

    wait for frames ─▶ next run ─▶ begin (run page) ─▶ handler ─▶ Done ─▶ next run

An interrupt has two parts, a frame and then a signal, the ring. If it strikes within the handler's
call, the ring's Python-level signal handler reads the frames and raises there. Anywhere else it
only leaves a note, so that it never reads while the loop reads; the call begins by acting on the
note, so a ring is either noted before that or raises after it. Within what must not be broken
off (`undisturbed`) it leaves a note, too, and raises afterwards.

A run of a handler that does nothing costs the child 9 microseconds of its core, a third of it for
the system call that sends Done (Python 3.11); 60,000 to 84,000 runs/s with a Worker that pipelines.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import TypeVar

from runtime import wire
from runtime.child.alarm import Alarm
from runtime.child.answers import Answers, Slot
from runtime.child.batch_run import BatchRun, dones, taken_whole
from runtime.child.conditions import Conditions
from runtime.child.context import JobContext, current
from runtime.child.copies import leave_if_copy
from runtime.child.ending import COMPLETED, EXPIRED, TAKEN_BACK, Judge
from runtime.child.handler import Callee, Handler, HandlerSource, eager_of
from runtime.child.inbox import Inbox
from runtime.child.meter import SHORT_NS, Meter
from runtime.child.page import RunPage
from runtime.child.ring import struck_within
from runtime.errors import UnknownKind
from runtime.injection.shelf import Shelf, shelf_of_child
from runtime.outcome import Outcome

T = TypeVar("T")

_NANO = 1_000_000_000


class SyncLoop:
    """Runs what its Worker sends until the Worker closes the stream."""

    def __init__(
        self, sock: socket.socket, page: RunPage, app: HandlerSource, judge: Judge
    ) -> None:
        self._socket = sock
        self._page = page
        self._handlers = dict(app.handlers)
        self._judge = judge
        self._eager = eager_of(app, is_async=False)
        self._answers = Answers(sock)
        self._inbox = Inbox(sock, self._answers.take)
        self._rung = False  # a ring came while nothing could be raised
        self._hearing = False  # a ring must not raise just now
        infos = [each.info() for each in self._handlers.values()]
        bounded = (info.kind for info in infos if info.cpu_timeout_seconds is not None)
        self._meter = Meter(page, frozenset(bounded))
        self._conditions = Conditions(page, infos)
        self._thread = threading.get_ident()
        self._sending = threading.RLock()  # held by who sends while a run goes on
        self._batch: BatchRun | None = None  # that goes on
        self._alarm = Alarm(lambda: self._hearing, page)
        self.stored_limit = judge.output_bytes

    def run(self) -> None:
        """Serve. Raises OSError or WireError when the stream is broken."""
        signal.signal(signal.SIGUSR1, self._on_ring)
        shelf = Shelf()
        shelf_of_child.set(shelf)
        shelf.open_eager(self._eager)
        self._socket.sendall(wire.encode(wire.Hello(os.getpid())))
        try:
            self._serve_all()
        finally:
            shelf.close()

    def _serve_all(self) -> None:
        inbox = self._inbox
        while not inbox.closed:
            inbox.wait()
            while inbox.runs:
                frame = inbox.runs.popleft()
                if frame.batch:
                    self._serve_batch(frame)
                else:
                    self._serve(frame)

    def _serve(self, frame: wire.Run) -> None:
        """One run. Its order of steps is the protocol of `runtime.child.page`."""
        page, seq = self._page, frame.seq
        if page.epoch != frame.epoch:
            return
        begun = time.monotonic_ns()
        page.begin(seq, begun)
        taken_back = page.epoch != frame.epoch
        done = wire.Done(seq, 0.0, TAKEN_BACK) if taken_back else self._run(frame, begun)
        self._socket.sendall(wire.encode(done))
        if begun >= self._meter.look_at_ns:
            self._meter.look_if_due(time.monotonic_ns())
        if self._inbox.interrupts:
            self._inbox.forget(seq)

    def _run(self, frame: wire.Run, begun_ns: int) -> wire.Done:
        kind, meter = frame.kind, self._meter
        if measured := kind not in meter.short:
            meter.begin(frame.seq, kind)
        if frame.expires_ns is not None and begun_ns >= frame.expires_ns:
            outcome: Outcome = EXPIRED
        elif kind in self._conditions.kinds:
            outcome = self._under_conditions(frame)
        else:
            outcome = self._outcome(frame)
        leave_if_copy(self._socket)
        wall_ns = time.monotonic_ns() - begun_ns
        seconds = cpu_seconds = wall_ns / _NANO
        peak_kib = meter.peak_kib
        if measured or wall_ns >= SHORT_NS:
            cpu_seconds, peak_kib = meter.end(kind, wall_ns)
        return wire.Done(frame.seq, seconds, outcome, cpu_seconds, peak_kib)

    def _serve_batch(self, first: wire.Run) -> None:
        """As `_serve`, of many runs at a time. They are in a row, and so begin with the last."""
        page, inbox = self._page, self._inbox
        while (frames := taken_whole(inbox.runs, first)) is None:
            inbox.wait()
            if inbox.closed:
                return
        if page.epoch != first.epoch:
            return
        begun, last = time.monotonic_ns(), frames[-1].seq
        page.begin(last, begun)
        if page.epoch != first.epoch:
            self._socket.sendall(dones(frames, TAKEN_BACK))
        else:
            self._run_batch(frames, begun)
        self._meter.look_if_due(time.monotonic_ns())
        if inbox.interrupts:
            inbox.forget(last)

    def _run_batch(self, frames: Sequence[wire.Run], begun_ns: int) -> None:
        kind, handler = frames[0].kind, self._handlers.get(frames[0].kind)
        self._meter.begin(frames[-1].seq, kind)
        batch = BatchRun(frames, handler, begun_ns, self._inbox, self._judge, self, self._answer)
        settle = self._call_batch(batch, frames[-1]) if batch.prepare() else batch.nothing
        leave_if_copy(self._socket)
        cpu_seconds, peak_kib = self._meter.end(kind, time.monotonic_ns() - begun_ns)
        batch.used = cpu_seconds / len(frames), peak_kib
        settle()

    def _call_batch(self, batch: BatchRun, last: wire.Run) -> Callable[[], None]:
        """Call the handler. Returns what settles the runs that it has not marked."""
        self._batch = batch
        context = contextvars.copy_context()
        conditional = last.kind in self._conditions.kinds
        if conditional:
            self._conditions.enter(last.kind)
        try:
            value = context.run(self._call, batch, last, batch.first)
            return partial(batch.returned, value)
        except BaseException as error:
            return partial(batch.raised, error)
        finally:
            self._batch = None
            if conditional:
                self._conditions.leave(last.kind)

    def _answer(self, done: wire.Done) -> None:
        """Of a run of a batch; perhaps while others of it go on, and tell of themselves."""
        with self._sending:
            self._socket.sendall(wire.encode(done))

    def _under_conditions(self, frame: wire.Run) -> Outcome:
        self._conditions.enter(frame.kind)
        try:
            return self._outcome(frame)
        finally:
            self._conditions.leave(frame.kind)

    def _outcome(self, frame: wire.Run) -> Outcome:
        """How the run ended. What it has to tell of itself is told by then."""
        handler, job = self._handlers.get(frame.kind), JobContext(frame, self)
        context = contextvars.copy_context()
        try:
            if handler is None:
                raise UnknownKind(f"this app has no handler of kind {frame.kind!r}")
            value = context.run(self._call, handler, frame, job)
        except BaseException as error:
            told = frame.seq in self._inbox.interrupts
            outcome = context.run(self._judge.of_error, handler, frame.attempt, error, told=told)
        else:
            if value is None:
                outcome = COMPLETED
            else:
                outcome = context.run(self._judge.of_value, handler, value)
        job.end()
        self._answers.forget()
        return outcome

    def _call(self, handler: Callee, frame: wire.Run, job: JobContext) -> object:
        """Call the handler. A ring raises in here, and only in here."""
        current.set(job)
        if self._rung or self._inbox.interrupts:
            self._hear(frame.seq, begins=True)
        return handler.call(frame.args)

    def _on_ring(self, _number: int, frame: FrameType | None) -> None:
        if self._hearing or not struck_within(SyncLoop._call.__code__, frame):
            self._rung = True
        else:
            self._hear(self._page.begun_seq)

    def _hear(self, seq: int, *, begins: bool = False) -> None:
        """Read what came; raise if run `seq`, the one that goes on or begins, is to end.

        Raises once each time that it is told, for as long as the run goes on: there are more rings
        than frames, and a handler that cleans up is left alone until it is told again.
        """
        self._read(self._inbox.poll)
        self._heard(seq, begins=begins)

    def _read(self, read: Callable[[], None]) -> None:
        self._hearing = True
        try:
            self._rung = False
            read()
        finally:
            self._hearing = False

    def _heard(self, seq: int, *, begins: bool = False) -> None:
        """Raise what has been read, as `_hear` says."""
        batch, news = self._batch, self._inbox.news
        told = bool(news) if batch else seq in news
        self._inbox.news = [] if batch else [other for other in news if other != seq]
        if not told and not begins:
            return
        interruption = batch.interruption() if batch else self._inbox.interruption(seq)
        if interruption is not None:
            raise interruption

    # --- for the job of the handler that runs; see Desk -------------------------------------------

    def stop_reason(self, seq: int) -> str | None:
        """From the page, which the Worker writes: a handler may be busy in C, and hear no ring."""
        interrupt = self._inbox.interrupts.get(seq)
        return self._page.told(seq) if interrupt is None else interrupt.reason

    def paused(self, seq: int) -> bool:
        """As was read."""
        return seq in self._inbox.paused

    def handler(self, kind: str) -> Handler | None:
        """Of the app."""
        return self._handlers.get(kind)

    def post(self, frame: wire.Noted | wire.Completing | wire.Asked) -> None:
        """In any thread; only a batch sends besides, while a run goes on."""
        # The Worker may be gone, which the reading side will learn.
        with contextlib.suppress(OSError), self._sending:
            self._socket.sendall(wire.encode(frame))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """In a thread of its own, which ends with that."""
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()

    def ask(self, frame: wire.Asked) -> Slot:
        """In any thread."""
        slot = Slot(self)
        self._answers.expect(frame, slot)
        self.undisturbed(lambda: self.post(frame))
        if self._inbox.closed:
            self._answers.give_up()
        return slot

    @property
    def reads(self) -> bool:
        """The main thread does."""
        return threading.get_ident() == self._thread

    def read_on(self) -> None:
        """An interruption comes with a frame, which ends the wait."""
        self._read(self._inbox.wait)
        self._heard(self._page.begun_seq)
        if self._inbox.closed:
            self._answers.give_up()

    def attend(self, event: threading.Event) -> None:
        """The main thread reads meanwhile, and hands on to the others."""
        if not self.reads:
            event.wait()
            return
        while not event.is_set():
            self._answers.nap(deaf=self._inbox.closed)
            self._hear(self._page.begun_seq)
            if self._inbox.closed:
                self._answers.give_up()

    def nudge(self) -> None:
        """In any thread."""
        self._answers.ring()

    def limited(self, seconds: float, action: Callable[[], T], /) -> T:
        """In the main thread."""
        return self._alarm.limited(seconds, action)

    def undisturbed(self, action: Callable[[], T], /) -> T:
        """Only the main thread is ever disturbed."""
        if self._hearing or threading.get_ident() != self._thread:
            return action()
        self._hearing = True
        try:
            return action()
        finally:
            self._hearing = False
            if self._rung and struck_within(SyncLoop._call.__code__, sys._getframe()):
                self._hear(self._page.begun_seq)
