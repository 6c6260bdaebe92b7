"""One call of a batch handler in a child: its jobs, and an outcome for each of them.

    frames ─▶ those that cannot begin (expired, args that do not fit) are settled at once
           ─▶ the call, during which the handler marks some ─▶ what it returned or raised: the rest

Rules: each run is answered by one Done, a mark at once, so that a death later costs only what was
not marked. A job that somebody cancelled meanwhile, or whose deadline came, ends so, whatever the
handler says of it; the call goes on for the others. It is interrupted when all that are left are to
end, and as a whole by a timeout or a stop.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, cast

from runtime import wire
from runtime.batch_job import BatchJob, results_of
from runtime.child.context import JobContext, current
from runtime.child.ending import EXPIRED, Judge
from runtime.child.handler import Handler
from runtime.child.inbox import Inbox
from runtime.child.notebook import Desk
from runtime.errors import Interrupted, UnknownKind
from runtime.outcome import Outcome

_NANO = 1_000_000_000
# Reasons to stop that are one job's own; the Worker's ladder knows them by the same words.
OF_ONE_JOB = frozenset({"cancel", "expired"})


class BatchHandler(Handler, Protocol):
    """A handler whose runs come in batches."""

    def batch_args(self, args_json: str, job_id: Any, /) -> Any:
        """A job's args, decoded."""

    def call_batch(self, jobs: Sequence[BatchJob[Any]], /) -> Any:
        """Call the user's function with jobs; its awaitable, if it is async."""


class _Meant(Exception):
    """An error that came of an interruption."""

    def __init__(self, interruption: Interrupted, error: BaseException) -> None:
        self.interruption = interruption
        self.error = error


class BatchRun:
    """See the module's docstring.

    Args: handler: None, if the app has none of this kind. send: takes each run's Done.
    """

    def __init__(
        self,
        frames: Sequence[wire.Run],
        handler: Handler | None,
        begun_ns: int,
        inbox: Inbox,
        judge: Judge,
        desk: Desk,
        send: Callable[[wire.Done], None],
    ) -> None:
        self.frames = frames
        self.jobs: list[BatchJob[Any]] = []
        self._handler = cast("BatchHandler", handler)
        self._begun_ns = begun_ns
        self._inbox = inbox
        self._judge = judge
        self._desk = desk
        self._send = send
        self._open = {frame.seq: frame for frame in frames}
        self._seqs: dict[int, int] = {}  # by the identity of a BatchJob
        self._lock = threading.Lock()
        self.used: (
            tuple[float, int] | tuple[()]
        ) = ()  # CPU seconds of each, and the peak; at the end

    @property
    def first(self) -> JobContext:
        """What `current_job()` is in the call: the first of its jobs."""
        return self.jobs[0].context

    def prepare(self) -> bool:
        """Settle what cannot begin; whether anything is left to be called with."""
        for frame in self.frames:
            context = JobContext(frame, self._desk)
            if frame.expires_ns is not None and self._begun_ns >= frame.expires_ns:
                self._settle(frame.seq, EXPIRED)
                continue
            if (meant := self._told_alone(frame.seq)) is not None:
                self._settle(frame.seq, self._judged(frame, context, None, meant))
                continue
            try:
                if self._handler is None:
                    raise UnknownKind(f"this app has no handler of kind {frame.kind!r}")
                args = contextvars.copy_context().run(self._args_of, frame, context)
            except Exception as error:
                self._settle(frame.seq, self._judged(frame, context, None, error))
                continue
            job = BatchJob(args, context, self._report)
            self._seqs[id(job)] = frame.seq
            self.jobs.append(job)
        return bool(self.jobs)

    def _args_of(self, frame: wire.Run, context: JobContext) -> Any:
        """In the job's own context, which tells its id and kind."""
        current.set(context)
        return self._handler.batch_args(frame.args, context.id)

    def call(self, _args: str = "", /) -> Any:
        """Call the handler with all that can begin."""
        return self._handler.call_batch(list(self.jobs))

    def nothing(self) -> None:
        """Nothing could begin, and nothing is left to be settled."""

    def returned(self, value: Any) -> None:
        """The handler has returned: settle the jobs that it has not marked."""
        try:
            results = results_of(self.jobs, value)
        except Exception as error:
            self.raised(error)
            return
        for job, result in zip(self.jobs, results, strict=True):
            self._end(job, result, result if isinstance(result, BaseException) else None)

    def raised(self, error: BaseException, meant: Interrupted | None = None) -> None:
        """The handler has raised: so ended the jobs that it has not marked.

        `meant`: what an asyncio.CancelledError stands for.
        """
        if meant is not None:
            error = _Meant(meant, error)
        for job in self.jobs:
            self._end(job, None, error)

    def interruption(self) -> Interrupted | None:
        """What is to be raised in the call, if it is to end."""
        told = {seq: self._inbox.interrupts.get(seq) for seq in list(self._open)}
        for seq, frame in told.items():
            if frame is not None and frame.reason not in OF_ONE_JOB:
                return self._inbox.interruption(seq)
        if told and all(told.values()):
            return self._inbox.interruption(next(iter(told)))
        return None

    def _told_alone(self, seq: int) -> Interrupted | None:
        """What this run is to end with, if that is so for a reason of its own."""
        interrupt = self._inbox.interrupts.get(seq)
        alone = interrupt is not None and interrupt.reason in OF_ONE_JOB
        return self._inbox.interruption(seq) if alone else None

    def _report(self, job: BatchJob[Any], output: Any, error: BaseException | None) -> None:
        """A mark. Nothing interrupts it."""
        self._desk.undisturbed(lambda: self._finish(job, output, error))

    def _end(self, job: BatchJob[Any], output: Any, error: BaseException | None) -> None:
        """At the end of the call. A mark that an interruption broke off counts, too."""
        if job.marked:
            output, error = job.output, job.error
        self._finish(job, output, error)

    def _finish(self, job: BatchJob[Any], output: Any, error: BaseException | None) -> None:
        seq = self._seqs[id(job)]
        frame = self._open.get(seq)
        if frame is None:
            return
        if (meant := self._told_alone(seq)) is not None:
            output, error = None, _Meant(meant, error or meant)
        outcome = self._judged(frame, job.context, output, error)
        job.context.end()
        self._settle(seq, outcome)

    def _judged(
        self, frame: wire.Run, context: JobContext, output: Any, error: BaseException | None
    ) -> Outcome:
        """In the job's own context, where its error hooks are called and its output is sealed."""
        return contextvars.copy_context().run(self._judge_in, frame, context, output, error)

    def _judge_in(
        self, frame: wire.Run, context: JobContext, output: Any, error: BaseException | None
    ) -> Outcome:
        current.set(context)
        handler, judge = self._handler, self._judge
        if error is None:
            return judge.of_value(handler, output)
        if isinstance(error, _Meant):
            return judge.of_interruption(handler, frame.attempt, error.interruption, error.error)
        told = any(each.seq in self._inbox.interrupts for each in self.frames)
        return judge.of_error(handler, frame.attempt, error, told=told)

    def _settle(self, seq: int, outcome: Outcome) -> None:
        with self._lock:
            if self._open.pop(seq, None) is not None:
                seconds = (time.monotonic_ns() - self._begun_ns) / _NANO
                self._send(wire.Done(seq, seconds, outcome, *self.used))


def taken_whole(runs: Any, first: wire.Run) -> list[wire.Run] | None:
    """Take the rest of a batch out of the queue `runs`, if all of it has come. Returns it whole."""
    rest = max(1, first.batch) - 1
    if len(runs) < rest:
        return None
    return [first, *(runs.popleft() for _ in range(rest))]


def dones(frames: Iterable[wire.Run], outcome: Outcome) -> bytes:
    """An answer for each of these runs, as bytes."""
    return b"".join(wire.encode(wire.Done(frame.seq, 0.0, outcome)) for frame in frames)
