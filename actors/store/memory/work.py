"""Claim, ack, release, rescue, stage and prune, as their statements in schema/queries do them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from actors.store.memory import endings, workflows
from actors.store.memory.rows import JobEntry, NodeEntry
from actors.store.memory.state import State
from actors.store.memory.table import Place
from actors.store.protocol import Acked, Demand, Rescued, Retention, RunNote, Staged
from actors.store.upkeep import QueueRetention, Swept
from runtime.job import ClaimedJob
from runtime.lifecycle import Ack, JobState
from runtime.outcome import Failure

# A node's row is kept so long after its end, in seconds, for people to see.
NODE_KEPT_SECONDS = 86_400.0

_RUNS_AGAIN = frozenset({JobState.AVAILABLE, JobState.SCHEDULED, JobState.RETRYABLE})
_WAITS = (*_RUNS_AGAIN, JobState.PENDING)
_EXPIRED = Failure("Expired", "its deadline (expires_at) came while it waited")


def claim(state: State, node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
    """See Store.claim."""
    if not state.lives(node_id):
        return []
    marks = [_mark(state, group) for group in demand]  # before any is taken
    taken = [
        job
        for group, mark in zip(demand, marks, strict=True)
        for job in _take(state, node_id, group, mark)
    ]
    return [job.as_claimed(state.clock.now()) for job in taken]


def _take(state: State, node_id: int, group: Demand, mark: Place | None) -> list[JobEntry]:
    if state.paused.get(group.queue) is not None or state.limits.get(group.queue):
        return []
    places = (
        place
        for place in state.jobs.waiting(group.queue)
        if place[3] in group.kinds and (mark is None or place > mark)
    )
    taken = [state.jobs.get(place[2]) for place in islice(places, group.places)]
    for job in taken:
        state.begin_run(job, node_id)
    return taken


def _mark(state: State, group: Demand) -> Place | None:
    if group.after is None or group.after not in state.jobs:
        return None
    job = state.jobs.get(group.after)
    if job.attempted_at is None or job.scheduled_at > job.attempted_at:
        return None
    return job.place


def ack(state: State, acks: Sequence[Ack]) -> Acked:
    """See Store.ack."""
    states: Counter[JobState] = Counter()
    stale: list[tuple[UUID, int]] = []
    retried = 0
    delays: list[float] = []
    parents: list[UUID] = []
    for one in acks:
        job = state.jobs.current_run(one.id, one.run_number)
        if job is None:
            stale.append((one.id, one.run_number))
            continue
        _write(state, job, one)
        states[job.state] += 1
        if job.state.final and job.parent is not None:
            parents.append(job.parent[0])
        if job.state in _RUNS_AGAIN:
            retried += one.failure is not None
            if job.state is not JobState.AVAILABLE:
                delays.append(one.delay_seconds or 0.0)
    return Acked(
        written=states.total(),
        stale=tuple(stale),
        retried=retried,
        discarded=states[JobState.DISCARDED],
        cancelled=states[JobState.CANCELLED],
        next_due_seconds=min(delays, default=None),
        parents=tuple(dict.fromkeys(parents)),
    )


def _write(state: State, job: JobEntry, ack: Ack) -> None:
    now = state.clock.now()
    job.used = (ack.wall_seconds, ack.cpu_seconds, ack.peak_rss_kib)
    job.crashes = 0 if ack.crashed is None else job.crashes + ack.crashed
    if ack.failure is not None:
        job.fail(ack.failure, state.node_name(job.node_id), state.clock.date(now), job.used)
    if not ack.counted:
        job.attempt -= 1
    job.output = ack.output
    due_at = None if ack.delay_seconds is None else now + ack.delay_seconds
    to, at_once = endings.after_run(state, job, ack, now)
    if at_once and due_at is not None:
        due_at = now
    state.jobs.move(job, to, now, scheduled_at=None if to.final else due_at)
    _announce(state, job)


def _let_go(
    state: State, job: JobEntry, to: JobState, *, scheduled_at: float | None = None
) -> None:
    """End a run. A job whose cancellation was requested is cancelled, unless it cleans up."""
    ends = to.final or endings.clean_up_due(state, job) is None
    if job.cancel_requested_at is not None and ends:
        to = JobState.CANCELLED
    state.jobs.move(job, to, state.clock.now(), scheduled_at=None if to.final else scheduled_at)
    _announce(state, job)


def _announce(state: State, job: JobEntry) -> None:
    """Tell of a run's end. A paused job waits then."""
    if job.paused_at is not None and not job.state.final:
        endings.held(state, job, job.state)
    state.announce(job)


def take_notes(state: State, notes: Sequence[RunNote]) -> int:
    """See Store.note."""
    kept = 0
    for one in notes:
        job = state.jobs.get(one.job_id) if one.job_id in state.jobs else None
        if job is not None and job.run_number == one.run_number:
            before = job.noted
            goes_on = before is not None and before.run_number == one.run_number
            note = before.note.then(one.note) if before is not None and goes_on else one.note
            job.noted = RunNote(one.job_id, one.run_number, note)
            kept += 1
    return kept


def release(state: State, runs: Sequence[tuple[UUID, int]]) -> int:
    """See Store.release."""
    released = 0
    for job_id, run_number in runs:
        job = state.jobs.current_run(job_id, run_number)
        if job is not None:  # the first time that the batch names it
            job.attempt -= 1
            _let_go(state, job, JobState.AVAILABLE)
            _tell_of_end(state, job)
            released += 1
    return released


def rescue(state: State, limit: int, term: int | None) -> Rescued:
    """See Store.rescue."""
    now = state.clock.now()
    leads = state.leads(term)
    ended = [node for node in state.nodes.values() if leads and node.expires_at <= now]
    jobs = [(node, job) for node in ended for job in state.held_by(node.id)][:limit]
    concerned = {node.id for node, _ in jobs}
    concerned |= {node.id for node in ended if node.ended_at is None}
    discarded = sum(_rescue_one(state, node, job) for node, job in jobs)
    for node in ended:
        if node.ended_at is None:
            node.ended_at = now
    expiries = [node.expires_at - now for node in state.nodes.values() if state.lives(node.id)]
    return Rescued(
        nodes=tuple(state.nodes[node_id].info.name for node_id in sorted(concerned)),
        jobs=len(jobs),
        discarded=discarded,
        next_expiry_seconds=min(expiries, default=None),
    )


def _rescue_one(state: State, node: NodeEntry, job: JobEntry) -> bool:
    now = state.clock.now()
    message = (
        f"node lost: the lease of {node.info.name} ran out while it held this job; "
        "whether it had begun it is not known"
    )
    job.fail(Failure("NodeLost", message), node.info.name, state.clock.date(now))
    exhausted = job.attempt >= job.max_attempts
    to = JobState.DISCARDED if exhausted else JobState.AVAILABLE
    _let_go(state, job, to, scheduled_at=now)
    _tell_of_end(state, job)
    return job.state is JobState.DISCARDED


def _tell_of_end(state: State, job: JobEntry) -> None:
    if job.state.final:
        workflows.tell(state, job)


def stage(state: State, limit: int, term: int | None) -> Staged:
    """See Store.stage."""
    now = state.clock.now()
    waiting = _by_time(state.jobs.in_state(JobState.SCHEDULED, JobState.RETRYABLE))
    leads = state.leads(term)
    due = [job for job in waiting if leads and job.scheduled_at <= now][:limit]
    for job in due:
        state.jobs.move(job, JobState.AVAILABLE, now)
        state.announce(job)
    if len(due) == limit:
        return Staged(limit, 0.0)  # there may be more
    soonest = next((job.scheduled_at for job in waiting if job.scheduled_at > now), None)
    return Staged(len(due), None if soonest is None else soonest - now)


def _by_time(jobs: Iterable[JobEntry]) -> list[JobEntry]:
    return sorted(jobs, key=lambda job: (job.scheduled_at, job.id))


def expire(state: State, limit: int, term: int | None) -> int:
    """See Store.expire."""
    now = state.clock.now()
    if not state.leads(term):
        return 0
    late = sorted(
        (job.expires_at, job.id)
        for job in state.jobs.in_state(*_WAITS)
        if job.expires_at is not None and job.expires_at <= now
    )[:limit]
    for _, job_id in late:
        job = state.jobs.get(job_id)
        if job.run_number > 0 and endings.clean_up_due(state, job) is not None:
            job.expired_at, job.expires_at = job.expires_at, None
            endings.end_or_tell(state, job, JobState.DISCARDED, now)
            continue
        job.run_number += 1
        job.fail(_EXPIRED, None, state.clock.date(now))
        state.jobs.move(job, JobState.DISCARDED, now)
        state.announce(job)
        workflows.tell(state, job)
    return len(late)


def prune(state: State, retention: Retention, limit: int, term: int | None) -> int:
    """See Store.prune."""
    if not state.leads(term):
        return 0
    old = list(islice(_old(state, retention), limit))
    for job in old:
        state.remove(job)
    gone = state.clock.now() - NODE_KEPT_SECONDS
    for node in list(state.nodes.values()):
        if node.expires_at < gone and not state.held_by(node.id):
            del state.nodes[node.id]
    return len(old)


def _old(state: State, retention: Retention) -> Iterator[JobEntry]:
    kept = {
        JobState.COMPLETED: retention.completed_seconds,
        JobState.CANCELLED: retention.cancelled_seconds,
        JobState.DISCARDED: retention.discarded_seconds,
    }
    now = state.clock.now()
    for of_state, seconds in kept.items():
        for job in state.jobs.in_state(of_state):
            ended = now if job.finalized_at is None else job.finalized_at
            if seconds is not None and now - ended > seconds and not state.needs(job):
                yield job


def prune_queue(
    state: State, kept: QueueRetention, after: datetime | None, limit: int, term: int | None
) -> Swept:
    """See Store.prune_queue."""
    clock = state.clock
    until = clock.now() - kept.seconds
    ended = sorted(
        (clock.date(job.finalized_at), job.id, job)  # as it is told: to the microsecond
        for job in state.jobs.in_state(kept.state)
        if state.leads(term) and job.finalized_at is not None and job.finalized_at < until
    )
    ended = [one for one in ended if after is None or one[0] > after]
    seen = [one for one in ended if one[0] <= ended[min(limit, len(ended)) - 1][0]]
    old = [job for _, _, job in seen if job.new.queue == kept.queue and not state.needs(job)]
    for job in old:
        state.remove(job)
    return Swept(len(old), len(seen), seen[-1][0] if seen else None)
