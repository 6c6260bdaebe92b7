"""The runs that one child holds, in the order in which they were handed to it.

Rules: pure bookkeeping, no I/O, no clock. A run is held from the hand-over until its Done; it is
begun when the child says so, by the run page or by a Started frame, whichever is seen first.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from runtime.job import ClaimedJob, KindInfo


@attrs.define(eq=False)
class HeldRun:
    """One run that a child holds. Times are of trio's clock, in seconds."""

    seq: int
    job: ClaimedJob
    info: KindInfo
    timeout_seconds: float | None  # in force for this run; None: none
    begun_at: float | None = None
    reason: str | None = None  # why it is being stopped: "timeout", "cancel" or "stop"
    ring_at: float = 0.0  # when the handler is told (again) to stop
    kill_at: float = 0.0  # when its child is killed, if the run is still there

    @property
    def due_at(self) -> float:
        """When its timeout ends; infinity for a run without one, or not begun."""
        if self.begun_at is None or self.timeout_seconds is None:
            return float("inf")
        return self.begun_at + self.timeout_seconds


class Runs:
    """The held runs of one child."""

    def __init__(self) -> None:
        self._held: dict[int, HeldRun] = {}
        self._last_seq = 0

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[HeldRun]:
        return iter(self._held.values())

    def add(self, job: ClaimedJob, info: KindInfo, timeout_seconds: float | None) -> HeldRun:
        """A job is handed to the child: its run, with the next sequence number."""
        self._last_seq += 1
        run = HeldRun(self._last_seq, job, info, timeout_seconds)
        self._held[run.seq] = run
        return run

    def pop(self, seq: int) -> HeldRun | None:
        """The run has ended, or was taken back. None if it is not held (any more)."""
        return self._held.pop(seq, None)

    def begin(self, seq: int, at: float) -> None:
        """The child has begun run `seq`."""
        run = self._held.get(seq)
        if run is not None and run.begun_at is None:
            run.begun_at = at

    def begin_up_to(self, seq: int, at: float) -> None:
        """The child has begun run `seq`, so all before it have ended or are about to say so.

        Where a handler wrote over the page that says so, it may name a run that was never handed
        over. Then one run at least has begun, the oldest: it is that handler's.
        """
        if seq > self._last_seq:
            seq = next(iter(self._held), 0)
        for run in self._held.values():
            if run.seq > seq:
                return
            if run.begun_at is None:
                run.begun_at = at

    def begun(self) -> list[HeldRun]:
        """Runs that have begun, oldest first."""
        return [run for run in self._held.values() if run.begun_at is not None]

    def waiting(self) -> list[HeldRun]:
        """Runs that were handed ahead and have not begun, oldest first."""
        return [run for run in self._held.values() if run.begun_at is None]

    def take_waiting(self) -> list[HeldRun]:
        """Take out the runs that have not begun."""
        waiting = self.waiting()
        for run in waiting:
            del self._held[run.seq]
        return waiting

    def take_all(self) -> list[HeldRun]:
        """Take out everything; for a child that is gone."""
        runs = list(self._held.values())
        self._held.clear()
        return runs

    def find(self, job_id: object) -> HeldRun | None:
        """The held run of a job."""
        return next((run for run in self._held.values() if run.job.id == job_id), None)


def timeout_of(job: ClaimedJob, info: KindInfo, default: float | None) -> float | None:
    """The timeout in force for a run, in seconds: the job's, else its handler's, else the default.

    0 stands for none, and so does the None that is returned.
    """
    for chosen in (job.timeout_seconds, info.timeout_seconds):
        if chosen is not None:
            return chosen or None
    return default or None
