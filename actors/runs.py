"""The runs that one child holds, in the order in which they were handed to it.

Rules: pure bookkeeping, no I/O, no clock. A run is held from the hand-over until its Done; it is
begun when the child says so, by the run page or by a Started frame, whichever is seen first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import attrs
import msgspec

from actors.parking import RunAsks
from runtime import wire
from runtime.job import ClaimedJob, KindInfo
from runtime.note import Note

TakeNote = Callable[[UUID, int, Note], None]
"""Called with a job's id, a run's number, and what that run tells of itself."""


def take_no_note(job_id: UUID, run_number: int, note: Note) -> None:
    """For those who do not care."""


@attrs.define(eq=False)
class HeldRun:
    """One run that a child holds. Times are of trio's clock, in seconds."""

    seq: int
    job: ClaimedJob
    info: KindInfo
    timeout_seconds: float | None  # in force for this run; None: none
    begun_at: float | None = None
    expires_at: float = float("inf")  # its job's deadline
    reason: str | None = None  # why it is being stopped: a word of wire.Interrupt, "memory", "step"
    why: str = ""  # what those who cancelled it gave as their reason
    ring_at: float = 0.0  # when the handler is told (again) to stop
    kill_at: float = 0.0  # when its child is killed, if the run is still there
    completing: bool = False  # its handler completes the job in a transaction of its own
    batch: int = 0  # the seq of the last run of its batch; 0: it is of none
    asks: RunAsks | None = None  # what it has asked, if it is a workflow's

    @property
    def due_at(self) -> float:
        """When it is to stop by itself, for `due_reason`; infinity for a run that has not begun."""
        if self.begun_at is None:
            return float("inf")
        return min(self._timeout_at, self.expires_at)

    @property
    def due_reason(self) -> str:
        """Why: its timeout, or its job's deadline, if that comes first."""
        return "timeout" if self._timeout_at <= self.expires_at else "expired"

    @property
    def _timeout_at(self) -> float:
        if self.begun_at is None or self.timeout_seconds is None:
            return float("inf")
        return self.begun_at + self.timeout_seconds

    def job_at(self, now: float) -> ClaimedJob:
        """Its job, to be dealt again: the deadline has come nearer since the claim."""
        if self.job.expires_seconds is None:
            return self.job
        return msgspec.structs.replace(self.job, expires_seconds=self.expires_at - now)


class Runs:
    """The held runs of one child."""

    def __init__(self) -> None:
        self._held: dict[int, HeldRun] = {}
        self._last_seq = 0
        self._left: dict[int, int] = {}  # of each batch, how many of its runs are held
        self._batched = 0  # the sum of these

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[HeldRun]:
        return iter(self._held.values())

    def add(
        self, job: ClaimedJob, info: KindInfo, timeout_seconds: float | None, now: float = 0.0
    ) -> HeldRun:
        """A job is handed to the child: its run, with the next sequence number."""
        self._last_seq += 1
        run = HeldRun(self._last_seq, job, info, timeout_seconds)
        if job.expires_seconds is not None:
            run.expires_at = now + job.expires_seconds
        self._held[run.seq] = run
        return run

    def bind(self, runs: Sequence[HeldRun]) -> None:
        """These, which were added in a row, are one batch: with one timeout, the shortest."""
        timeouts = [run.timeout_seconds for run in runs if run.timeout_seconds is not None]
        for run in runs:
            run.batch, run.timeout_seconds = runs[-1].seq, min(timeouts, default=None)
        self._left[runs[-1].seq] = len(runs)
        self._batched += len(runs)

    @property
    def calls(self) -> int:
        """How many calls of handlers the held runs come to: a batch is one."""
        return len(self._held) - self._batched + len(self._left)

    def ahead(self, begun_seq: int) -> bool:
        """Whether a batch is held that has not begun. `begun_seq`: the latest run that has."""
        return any(batch > begun_seq for batch in self._left)

    def mates(self, run: HeldRun) -> list[HeldRun]:
        """The other held runs of its batch."""
        if not run.batch:
            return []
        return [each for each in self._held.values() if each.batch == run.batch and each is not run]

    def spare_all_but(self, run: HeldRun | None) -> None:
        """The child is killed because of this run, and its batch; the others are neighbours."""
        for other in self._held.values() if run is not None else ():
            if run is not None and other is not run and other.reason is None:
                mate = run.batch and other.batch == run.batch
                other.reason = run.reason if mate else "neighbour"

    def ends_call(self, run: HeldRun) -> bool:
        """Whether with this run, which is held no more, its call has ended."""
        return run.batch not in self._left

    def pop(self, seq: int) -> HeldRun | None:
        """The run has ended, or was taken back. None if it is not held (any more)."""
        run = self._held.pop(seq, None)
        if run is not None and run.batch:
            self._batched -= 1
            self._left[run.batch] -= 1
            if not self._left[run.batch]:
                del self._left[run.batch]
        return run

    def held(self, seq: int) -> HeldRun | None:
        """The run of this number, if it is still held."""
        return self._held.get(seq)

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
            self.pop(run.seq)
        return waiting

    def take_all(self) -> list[HeldRun]:
        """Take out everything; for a child that is gone."""
        runs = list(self._held.values())
        for run in runs:
            self.pop(run.seq)
        return runs

    def last_begun_at(self, now: float) -> float:
        """When the latest run began that goes on; now, if none does."""
        begun = self.begun()
        return now if not begun or begun[-1].begun_at is None else begun[-1].begun_at

    def due_of_waiting(self, now: float) -> float:
        """No waiting run can be due before this: each of them begins after `now`."""
        waiting = self.waiting()
        timeouts = [run.timeout_seconds for run in waiting if run.timeout_seconds]
        deadline = min((run.expires_at for run in waiting), default=float("inf"))
        return min(now + min(timeouts, default=float("inf")), deadline)

    def find(self, job_id: object) -> HeldRun | None:
        """The held run of a job."""
        return next((run for run in self._held.values() if run.job.id == job_id), None)


def waited(job: ClaimedJob, seconds: float) -> ClaimedJob:
    """The job, so much later: its deadline has come nearer."""
    if job.expires_seconds is None:
        return job
    return msgspec.structs.replace(job, expires_seconds=job.expires_seconds - seconds)


def timeout_of(job: ClaimedJob, info: KindInfo, default: float | None) -> float | None:
    """The timeout in force for a run, in seconds: the job's, else its handler's, else the default.

    0 stands for none, and so does the None that is returned.
    """
    for chosen in (job.timeout_seconds, info.timeout_seconds):
        if chosen is not None:
            return chosen or None
    return default or None


def frame_of(
    run: HeldRun, epoch: int, now_ns: int = 0, now: float = 0.0, batch: int = 0
) -> wire.Run:
    """What its child is told of a run. `now_ns`, `now`: the time, by the child's clock and ours.

    `batch`: how many runs the batch has that it is the first of.
    """
    job = run.job
    expires = job.expires_seconds is not None
    return wire.Run(
        seq=run.seq,
        epoch=epoch,
        id=job.id.bytes,
        run_number=job.run_number,
        kind=job.kind,
        queue=job.queue,
        args=job.args,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        metadata=job.metadata,
        timeout_seconds=run.timeout_seconds,
        expires_ns=now_ns + int((run.expires_at - now) * 1e9) if expires else None,
        batch=batch,
    )
