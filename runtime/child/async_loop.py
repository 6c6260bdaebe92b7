"""The life of a child for `async def` handlers: many runs at once, as tasks of one asyncio loop.

Rules: each run that comes is begun at once, by the same protocol as a plain one's, and said to be
Started. An interrupt cancels the run's task; the reason it brought decides the outcome. The ring
serves a handler that blocks the loop: at the second ring without a read between, it raises in the
task that is being executed, if it is the one that was interrupted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeVar

import attrs

from runtime import wire
from runtime.child.batch_run import BatchRun, taken_whole
from runtime.child.context import JobContext, current
from runtime.child.copies import leave_if_copy
from runtime.child.ending import EXPIRED, TAKEN_BACK, Judge, chain
from runtime.child.handler import Callee, Handler, HandlerSource, eager_of
from runtime.child.inbox import Inbox
from runtime.child.meter import Meter
from runtime.child.outbox import Outbox
from runtime.child.page import RunPage
from runtime.child.ring import struck_within
from runtime.errors import Interrupted, RunStopped, UnknownKind
from runtime.injection.tending import AsyncShelf, async_shelf_of_child
from runtime.outcome import Outcome
from runtime.workflow.records import Answer

T = TypeVar("T")

_CANCELLED = asyncio.CancelledError
_NANO = 1_000_000_000


@attrs.define(eq=False)
class AsyncRun:
    """A run that has begun."""

    frame: wire.Run
    begun_ns: int
    job: JobContext
    task: asyncio.Task[Any] | None = None
    batch: BatchRun | None = None


class AsyncLoop:
    """Runs what its Worker sends until the Worker closes the stream."""

    def __init__(
        self, sock: socket.socket, page: RunPage, app: HandlerSource, judge: Judge
    ) -> None:
        self._socket = sock
        self._page = page
        self._handlers = dict(app.handlers)
        self._judge = judge
        self._eager = eager_of(app, is_async=True)
        self._inbox = Inbox(sock, self._answered)
        self._runs: dict[int, AsyncRun] = {}
        self._asks: dict[tuple[int, int], asyncio.Future[Answer]] = {}
        self._reading = False
        self._hushed = False  # a ring must not raise just now; there will be another
        self._stalled = False  # a ring has struck a handler, and the loop has not read since
        self._error: Exception | None = None
        self._meter = Meter(page)
        self._thread = threading.get_ident()
        self.stored_limit = judge.output_bytes

    def run(self) -> None:
        """Serve. Raises OSError or WireError when the stream is broken."""
        asyncio.run(self._main())

    async def _main(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        self._outbox = Outbox(loop, self._socket)
        signal.signal(signal.SIGUSR1, self._on_ring)
        shelf = AsyncShelf()
        async_shelf_of_child.set(shelf)
        await shelf.open_eager(self._eager)
        self._outbox.send(wire.Hello(os.getpid()))
        loop.add_reader(self._socket, self._take_in)
        try:
            await self._over
        finally:
            await shelf.close()

    def _take_in(self) -> None:
        """Read what came, and act on it."""
        self._stalled = False
        self._read()
        self._act()

    def _read(self) -> None:
        self._reading = True
        try:
            self._inbox.poll()
        except (OSError, wire.WireError) as error:
            self._error = error
        finally:
            self._reading = False

    def _act(self) -> None:
        """Begin runs; cancel those that are interrupted, again at each repetition."""
        inbox = self._inbox
        while inbox.runs and inbox.runs[0].batch <= len(inbox.runs):
            frame = inbox.runs.popleft()
            if frame.batch:
                self._begin_batch(taken_whole(inbox.runs, frame) or [frame])
            else:
                self._begin(frame)
        for seq in inbox.news:
            run = self._runs.get(seq)
            if run is not None and run.task is not None:
                if run.batch is None or run.batch.interruption() is not None:
                    run.task.cancel()
            else:
                inbox.interrupts.pop(seq, None)  # too late: the run has ended
        inbox.news.clear()
        self._end_if_due()

    def _end_if_due(self) -> None:
        """A child that was hung up on finishes what it has; one whose stream broke does not."""
        if self._inbox.closed or self._error:
            self._loop.remove_reader(self._socket)  # it is readable for ever
            self._give_up()
        if self._over.done():
            return
        if self._error:
            self._over.set_exception(self._error)
        elif self._inbox.closed and not self._runs:
            self._over.set_result(None)

    def _give_up(self) -> None:
        """Nobody is there to answer."""
        for future in self._asks.values():
            if not future.done():
                future.set_exception(RunStopped("the node is gone"))
                future.exception()  # perhaps nobody asks for it
        self._asks.clear()

    def _begin(self, frame: wire.Run) -> None:
        """The order of steps is the protocol of `runtime.child.page`."""
        if self._page.epoch != frame.epoch:
            return
        run = AsyncRun(frame, time.monotonic_ns(), JobContext(frame, self))
        self._page.begin(frame.seq, run.begun_ns)
        if self._page.epoch != frame.epoch:
            self._outbox.send(wire.Done(frame.seq, 0.0, TAKEN_BACK))
            return
        if frame.expires_ns is not None and run.begun_ns >= frame.expires_ns:
            self._outbox.send(wire.Done(frame.seq, 0.0, EXPIRED))
            return
        self._outbox.send(wire.Started(frame.seq, run.begun_ns))
        self._runs[frame.seq] = run
        run.task = self._loop.create_task(self._outcome(run))
        run.task.add_done_callback(lambda task: self._done(run, task))

    def _begin_batch(self, frames: Sequence[wire.Run]) -> None:
        """As `_begin`, of many runs, for one task. Being in a row, they begin with the last."""
        first, last, page = frames[0], frames[-1], self._page
        if page.epoch != first.epoch:
            return
        begun_ns = time.monotonic_ns()
        page.begin(last.seq, begun_ns)
        if page.epoch != first.epoch:
            for frame in frames:
                self._outbox.send(wire.Done(frame.seq, 0.0, TAKEN_BACK))
            return
        for frame in frames:
            self._outbox.send(wire.Started(frame.seq, begun_ns))
        handler = self._handlers.get(first.kind)
        batch = BatchRun(frames, handler, begun_ns, self._inbox, self._judge, self, self._answer)
        if batch.prepare():
            run = AsyncRun(last, begun_ns, batch.first, batch=batch)
            self._runs |= {frame.seq: run for frame in frames}
            run.task = self._loop.create_task(self._called(run, batch))
            run.task.add_done_callback(lambda task: self._batch_done(batch, task))

    async def _called(self, run: AsyncRun, batch: BatchRun) -> None:
        current.set(run.job)
        try:
            value = await _call(batch, "")
        except BaseException as error:
            self._raised(batch, error)
        else:
            batch.returned(value)

    def _raised(self, batch: BatchRun, error: BaseException) -> None:
        interruption = batch.interruption()
        cancelled = any(isinstance(each, _CANCELLED) for each in chain(error))
        batch.raised(error, interruption if cancelled else None)

    def _batch_done(self, batch: BatchRun, task: asyncio.Task[Any]) -> None:
        leave_if_copy(self._socket)
        if task.cancelled():  # before its first step
            self._raised(batch, asyncio.CancelledError())
        for frame in batch.frames:
            self._runs.pop(frame.seq, None)
            self._inbox.interrupts.pop(frame.seq, None)
        self._meter.look_if_due(time.monotonic_ns())
        self._end_if_due()

    def _answer(self, done: wire.Done) -> None:
        """Of a run of a batch."""
        self._outbox.send_posted()
        self._outbox.send(done)

    async def _outcome(self, run: AsyncRun) -> Outcome:
        frame = run.frame
        current.set(run.job)
        handler = self._handlers.get(frame.kind)
        try:
            if handler is None:
                raise UnknownKind(f"this app has no handler of kind {frame.kind!r}")
            value = await _call(handler, frame.args)
        except BaseException as error:
            return self._of_error(frame, error)
        return self._judge.of_value(handler, value)

    def _of_error(self, frame: wire.Run, error: BaseException) -> Outcome:
        handler = self._handlers.get(frame.kind)
        interruption = self._inbox.interruption(frame.seq)
        if interruption is not None and any(isinstance(e, _CANCELLED) for e in chain(error)):
            return self._judge.of_interruption(handler, frame.attempt, interruption, error)
        told = interruption is not None
        return self._judge.of_error(handler, frame.attempt, error, told=told)

    def _done(self, run: AsyncRun, task: asyncio.Task[Outcome]) -> None:
        leave_if_copy(self._socket)
        if task.cancelled():  # before its first step
            outcome = self._of_error(run.frame, asyncio.CancelledError())
        else:
            outcome = task.result()
        seq = run.frame.seq
        del self._runs[seq]
        for key in [key for key in self._asks if key[0] == seq]:
            del self._asks[key]
        self._inbox.interrupts.pop(seq, None)
        run.job.end()
        self._outbox.send_posted()
        ended = time.monotonic_ns()
        peak_kib = self._meter.look_if_due(ended)
        seconds = (ended - run.begun_ns) / _NANO
        self._outbox.send(wire.Done(seq, seconds, outcome, None, peak_kib))
        self._end_if_due()

    def _on_ring(self, _number: int, frame: FrameType | None) -> None:
        """If a handler blocks the loop, and is the one to be interrupted, raise in it.

        A loop that is not blocked reads by itself, which shows by the next ring.
        """
        if self._reading or self._hushed or not struck_within(_call.__code__, frame):
            return
        if not self._stalled:
            self._stalled = True
            return
        self._read()
        self._loop.call_soon_threadsafe(self._act)
        run = self._executing()
        interruption = None if run is None else self._interruption(run)
        if interruption is not None:
            raise interruption

    def _interruption(self, run: AsyncRun) -> Interrupted | None:
        batch = run.batch
        return batch.interruption() if batch else self._inbox.interruption(run.frame.seq)

    def _executing(self) -> AsyncRun | None:
        task = asyncio.current_task(self._loop)
        return next((run for run in self._runs.values() if run.task is task), None)

    # --- for the jobs of the handlers that run; see Desk ------------------------------------------

    def stop_reason(self, seq: int) -> str | None:
        """As the loop has read."""
        interrupt = self._inbox.interrupts.get(seq)
        return None if interrupt is None else interrupt.reason

    def paused(self, seq: int) -> bool:
        """As was read."""
        return seq in self._inbox.paused

    def handler(self, kind: str) -> Handler | None:
        """Of the app."""
        return self._handlers.get(kind)

    def ask(self, frame: wire.Asked) -> asyncio.Future[Answer]:
        """In the loop's thread."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._asks[frame.seq, frame.number] = future
        self.undisturbed(lambda: self.post(frame))
        if self._inbox.closed:
            self._give_up()
        return future

    def _answered(self, frame: wire.Answered) -> None:
        future = self._asks.pop((frame.seq, frame.number), None)
        if future is not None and not future.done():
            future.set_result(frame.answer)

    def attend(self, event: threading.Event) -> None:
        """For plain handlers."""
        event.wait()

    def nudge(self) -> None:
        """For plain handlers."""

    def limited(self, seconds: float, action: Callable[[], T], /) -> T:
        """For plain handlers."""
        return action()

    def post(self, frame: wire.Noted | wire.Completing | wire.Asked) -> None:
        """In any thread."""
        self._outbox.post(frame)
        if threading.get_ident() == self._thread:
            self._outbox.send_posted()
        else:
            self._loop.call_soon_threadsafe(self._outbox.send_posted)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """In the loop."""
        if threading.get_ident() == self._thread:
            self._loop.call_later(seconds, action)
        else:
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, action)

    def undisturbed(self, action: Callable[[], T], /) -> T:
        """Only the loop's thread is ever disturbed."""
        if self._hushed or threading.get_ident() != self._thread:
            return action()
        self._hushed = True
        try:
            return action()
        finally:
            self._hushed = False


async def _call(handler: Callee, args: str) -> object:
    """Call the handler. A ring raises in here, and only in here."""
    return await handler.call(args)
