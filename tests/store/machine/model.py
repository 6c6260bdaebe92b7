"""What each method of the Store must do, said once more: a pure model of its promises.

It is written from the protocol's and the design's words, not from the statements, and is as plain
as can be: a dictionary of jobs, walked whole each time. Where a promise leaves a choice (which of
many lost jobs a rescue with a limit gives back) the choice is an argument, and is judged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import attrs
import msgspec

from actors.store.protocol import Acked, Demand, QueueInfo, Rescued, Retention, Staged
from runtime.job import NewJob
from runtime.lifecycle import Ack, JobState
from tests.store.machine import keys
from tests.store.machine.members import Members
from tests.store.machine.rows import JobRow, Snapshot, date_of, seconds_of

Place = tuple[int, float, UUID]  # in a queue
WAITING = (JobState.SCHEDULED, JobState.RETRYABLE)
_RUNS_AGAIN = (JobState.AVAILABLE, *WAITING)


@attrs.define
class Model:
    """A Store that one can see through. `now` is moved by its owner."""

    now: float = 0.0
    jobs: dict[UUID, JobRow] = attrs.field(factory=dict)
    members: Members = attrs.field(factory=Members)
    paused: dict[str, float | None] = attrs.field(factory=dict)  # None: paused once, open now
    # scheduled_at of each job when it was last claimed: the place that it was claimed from.
    claimed_from: dict[UUID, float] = attrs.field(factory=dict)

    def snapshot(self) -> Snapshot:
        """All of it, until the next change."""
        return Snapshot(
            jobs=self.jobs,
            nodes=self.members.shown(self.now),
            leader=self.members.leading(self.now),
            paused={name: at for name, at in self.paused.items() if at is not None},
        )

    def in_state(self, *states: JobState) -> list[JobRow]:
        """Jobs in one of these states, by id."""
        found = (job for job in self.jobs.values() if job.state in states)
        return sorted(found, key=lambda job: job.id)

    def held_by(self, node: str) -> list[JobRow]:
        """The jobs that a node runs, by id."""
        return [job for job in self.in_state(JobState.RUNNING) if job.node == node]

    def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        """An id that is known already adds nothing and changes nothing."""
        return [self._enqueue_one(job) for job in jobs]

    def _enqueue_one(self, new: NewJob) -> bool:
        if new.id in self.jobs:
            return False
        due = seconds_of(new.scheduled_at)
        due = self.now + (new.delay_seconds or 0) if due is None else due
        other = keys.holder(self.jobs.values(), new.unique_key)
        if other is not None:
            keys.replace(other, new, due, self.now)
            return False
        self.jobs[new.id] = JobRow(
            id=new.id,
            kind=new.kind,
            queue=new.queue,
            priority=new.priority,
            max_attempts=new.max_attempts,
            tags=new.tags,
            state=JobState.SCHEDULED if due > self.now else JobState.AVAILABLE,
            created_at=self.now,
            scheduled_at=due,
            expires_at=None if new.expires_seconds is None else self.now + new.expires_seconds,
            unique_key=new.unique_key,
            unique_states=new.unique_states,
        )
        return True

    def claim(self, node: str, demand: Sequence[Demand]) -> list[JobRow]:
        """By priority, then time, then id; never from a paused queue, never without a lease."""
        if not self.members.live(node, self.now):
            return []
        marks = [self._mark(group) for group in demand]  # of jobs claimed before, not by this
        return [
            job
            for group, mark in zip(demand, marks, strict=True)
            for job in self._claim_group(node, group, mark)
        ]

    def _claim_group(self, node: str, group: Demand, mark: Place | None) -> list[JobRow]:
        if self.paused.get(group.queue) is not None:
            return []
        fitting = [
            job
            for job in self.in_state(JobState.AVAILABLE)
            if job.queue == group.queue and job.kind in group.kinds
            if mark is None or _place(job) > mark
        ]
        taken = sorted(fitting, key=_place)[: group.places]
        for job in taken:
            job.state = JobState.RUNNING
            job.node = node
            job.run_number += 1
            job.attempt += 1
            job.attempted_at = self.now
            self.claimed_from[job.id] = job.scheduled_at
        return taken

    def _mark(self, group: Demand) -> Place | None:
        job = None if group.after is None else self.jobs.get(group.after)
        if job is None or self.claimed_from.get(job.id) != job.scheduled_at:
            return None  # no such job, or one that has another place now
        return _place(job)

    def current(self, job_id: UUID, run_number: int) -> JobRow | None:
        """The job, if it is in this run now."""
        job = self.jobs.get(job_id)
        if job is None or job.state is not JobState.RUNNING or job.run_number != run_number:
            return None
        return job

    def ack(self, acks: Sequence[Ack]) -> Acked:
        """One after the other; what is not the running run is late and changes nothing."""
        late: list[tuple[UUID, int]] = []
        written: list[tuple[JobRow, Ack]] = []
        for ack in acks:
            job = self.current(ack.id, ack.run_number)
            if job is None:
                late.append((ack.id, ack.run_number))
            else:
                self._write(job, ack)
                written.append((job, ack))
        waits = [ack.delay_seconds for job, ack in written if job.state in WAITING]
        return Acked(
            written=len(written),
            stale=tuple(late),
            retried=sum(
                job.state in _RUNS_AGAIN and ack.failure is not None for job, ack in written
            ),
            discarded=sum(job.state is JobState.DISCARDED for job, _ in written),
            cancelled=sum(job.state is JobState.CANCELLED for job, _ in written),
            next_due_seconds=min((wait for wait in waits if wait is not None), default=None),
        )

    def _write(self, job: JobRow, ack: Ack) -> None:
        job.crashes = 0 if ack.crashed is None else job.crashes + ack.crashed
        if ack.failure is not None:
            self._fail(job, ack.failure.error_class)
        job.output = None if ack.output is None else msgspec.json.decode(ack.output)
        due = None if ack.delay_seconds is None else self.now + ack.delay_seconds
        self._end_run(job, ack.state, due, counted=ack.counted)

    def _fail(self, job: JobRow, error_class: str) -> None:
        failure = (job.run_number, job.attempt, error_class, job.node, self.now)
        job.failures.insert(0, failure)

    def _end_run(self, job: JobRow, to: JobState, due: float | None, *, counted: bool) -> None:
        """A job that shall be cancelled is, whatever its run has come to."""
        if job.cancel_requested_at is not None:
            to = JobState.CANCELLED
        if not counted:
            job.attempt -= 1
        self._move(job, to, None if to.final else due)

    def _move(self, job: JobRow, to: JobState, due: float | None) -> None:
        job.state = to
        job.node = None
        job.finalized_at = self.now if to.final else None
        job.scheduled_at = job.scheduled_at if due is None else due

    def release(self, runs: Sequence[tuple[UUID, int]]) -> int:
        """Uncounted, to their place in the queue."""
        released = 0
        for job_id, run_number in runs:
            job = self.current(job_id, run_number)
            if job is not None:
                self._end_run(job, JobState.AVAILABLE, None, counted=False)
                released += 1
        return released

    def lost(self) -> list[JobRow]:
        """The jobs of nodes whose lease is over."""
        return [job for member in self.members.lost(self.now) for job in self.held_by(member.name)]

    def rescue(self, limit: int, chosen: Collection[UUID], entitled: bool = True) -> Rescued:
        """Give back `chosen`: as many of the lost ones as the limit allows. Counted."""
        if not entitled:
            assert not chosen, "rescued by one whose term is over"
            return Rescued((), 0, 0, self.members.next_expiry_seconds(self.now))
        lost = [job for job in self.lost() if job.id in chosen]
        assert len(lost) == len(chosen) == min(limit, len(self.lost())), "not as many as can be"
        named = {job.node for job in lost}
        named |= {member.name for member in self.members.lost(self.now) if not member.ended}
        discarded = sum(self._rescue_one(job) for job in lost)
        for member in self.members.lost(self.now):
            member.ended = True
        return Rescued(
            nodes=tuple(name for name in self.members.by_name if name in named),
            jobs=len(lost),
            discarded=discarded,
            next_expiry_seconds=self.members.next_expiry_seconds(self.now),
        )

    def _rescue_one(self, job: JobRow) -> bool:
        """Whether its attempts are used up."""
        self._fail(job, "NodeLost")
        exhausted = job.attempt >= job.max_attempts and job.cancel_requested_at is None
        to = JobState.DISCARDED if exhausted else JobState.AVAILABLE
        self._end_run(job, to, self.now, counted=True)
        return exhausted

    def due(self) -> list[JobRow]:
        """What waited for a time that has come."""
        return [job for job in self.in_state(*WAITING) if job.scheduled_at <= self.now]

    def stage(self, limit: int, chosen: Collection[UUID], entitled: bool = True) -> Staged:
        """Make `chosen` available: as many of the due ones as the limit allows, the first first."""
        due = self.due() if entitled else []
        assert len(chosen) == min(limit, len(due)), "not as many as can be"
        last = max((job.scheduled_at for job in due if job.id in chosen), default=0.0)
        assert all(job.scheduled_at >= last for job in due if job.id not in chosen), "out of order"
        for job_id in chosen:
            self._move(self.jobs[job_id], JobState.AVAILABLE, None)
        if len(chosen) == limit:
            return Staged(limit, 0)
        times = (job.scheduled_at for job in self.in_state(*WAITING))
        waits = [at - self.now for at in times if at > self.now]
        return Staged(len(chosen), min(waits, default=None))

    def late(self) -> list[JobRow]:
        """What waits, and should not have after this."""
        waiting = self.in_state(JobState.AVAILABLE, JobState.PENDING, *WAITING)
        return [job for job in waiting if job.expires_at is not None and job.expires_at <= self.now]

    def expire(self, limit: int, chosen: Collection[UUID], entitled: bool = True) -> int:
        """Discard `chosen`: as many of the late ones as the limit allows, the first first."""
        late = self.late() if entitled else []
        assert len(chosen) == min(limit, len(late)), "not as many as can be"
        last = max((job.expires_at or 0.0 for job in late if job.id in chosen), default=0.0)
        left = [job.expires_at or 0.0 for job in late if job.id not in chosen]
        assert all(at >= last for at in left), "out of order"
        for job_id in chosen:
            job = self.jobs[job_id]
            job.run_number += 1  # of the run that it does not get
            self._fail(job, "Expired")
            self._move(job, JobState.DISCARDED, None)
        return len(chosen)

    def old(self, retention: Retention) -> list[JobRow]:
        """Final jobs that were kept for long enough."""
        kept = {
            JobState.COMPLETED: retention.completed_seconds,
            JobState.CANCELLED: retention.cancelled_seconds,
            JobState.DISCARDED: retention.discarded_seconds,
        }
        return [
            job
            for job in self.in_state(*kept)
            if (seconds := kept[job.state]) is not None
            and job.finalized_at is not None
            and self.now - job.finalized_at > seconds
        ]

    def prune(
        self, retention: Retention, limit: int, chosen: Collection[UUID], entitled: bool = True
    ) -> int:
        """Delete `chosen`: as many of the old ones as the limit allows; and nodes long gone."""
        if not entitled:
            assert not chosen, "pruned by one whose term is over"
            return 0
        assert len(chosen) == min(limit, len(self.old(retention))), "not as many as can be"
        for job_id in chosen:
            self._remove(job_id)
        busy = {job.node for job in self.in_state(JobState.RUNNING) if job.node is not None}
        self.members.forget(self.now, busy)
        return len(chosen)

    def _remove(self, job_id: UUID) -> None:
        del self.jobs[job_id]
        self.claimed_from.pop(job_id, None)

    def cancel(self, job_id: UUID) -> JobRow | None:
        """At once, or by its node while it runs; what is final stays. None: no such job."""
        job = self.jobs.get(job_id)
        if job is not None and not job.state.final:
            if job.cancel_requested_at is None:
                job.cancel_requested_at = self.now
            if job.state is not JobState.RUNNING:
                self._move(job, JobState.CANCELLED, None)
        return job

    def retry(self, job_id: UUID) -> JobRow | None:
        """Available now, with an attempt left, unless it runs.

        None: no such job, or one whose key is taken.
        """
        job = self.jobs.get(job_id)
        if job is not None and self._is_taken(job):
            return None
        if job is not None and job.state is not JobState.RUNNING:
            hurried = None if job.state is JobState.AVAILABLE else self.now
            self._move(job, JobState.AVAILABLE, hurried)
            job.cancel_requested_at = None
            job.output = None
            job.crashes = 0
            if job.expires_at is not None and job.expires_at <= self.now:
                job.expires_at = None
            job.max_attempts = max(job.max_attempts, job.attempt + 1)
        return job

    def _is_taken(self, job: JobRow) -> bool:
        if job.state is JobState.RUNNING or not keys.would_hold(job, JobState.AVAILABLE):
            return False
        return keys.holder(self.jobs.values(), job.unique_key) not in (None, job)

    def delete(self, job_id: UUID) -> bool | None:
        """False: it runs. None: no such job."""
        job = self.jobs.get(job_id)
        if job is None:
            return None
        if job.state is JobState.RUNNING:
            return False
        self._remove(job_id)
        return True

    def pause(self, names: Sequence[str]) -> None:
        """A queue that is paused already keeps its time."""
        for name in names:
            if self.paused.get(name) is None:
                self.paused[name] = self.now

    def resume(self, queue: str) -> None:
        """Undo pause."""
        for name in self.paused:
            if queue in ("*", name):
                self.paused[name] = None

    def queues(self, served: Sequence[str]) -> list[QueueInfo]:
        """All that are known: paused once, with jobs to run or running, or served by the living."""
        busy = self.in_state(JobState.AVAILABLE, JobState.RUNNING)
        names = {*self.paused, *(job.queue for job in busy)}
        if self.members.next_expiry_seconds(self.now) is not None:
            names |= set(served)
        return [self._queue(name) for name in sorted(names)]

    def _queue(self, name: str) -> QueueInfo:
        waiting = [job for job in self.in_state(JobState.AVAILABLE) if job.queue == name]
        paused_at = self.paused.get(name)
        return QueueInfo(
            name=name,
            paused_at=None if paused_at is None else date_of(paused_at),
            available=len(waiting),
            running=sum(job.queue == name for job in self.in_state(JobState.RUNNING)),
            oldest_age_seconds=max((self.now - job.scheduled_at for job in waiting), default=None),
        )


def _place(job: JobRow) -> Place:
    return (job.priority, job.scheduled_at, job.id)
