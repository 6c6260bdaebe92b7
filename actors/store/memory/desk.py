"""What people ask of a MemoryStore: cancel, retry, delete, show, pause."""

from __future__ import annotations

from itertools import islice
from uuid import UUID

from actors.store.memory import endings, going_on, workflows
from actors.store.memory.arrival import holder_of
from actors.store.memory.rows import JobEntry
from actors.store.memory.state import State
from actors.store.protocol import QueueInfo
from runtime.errors import JobNotUnique
from runtime.job import Job
from runtime.job_filter import JobFilter, fits
from runtime.lifecycle import JobState
from runtime.unique import holds_key
from runtime.workflow.history import WATCH


def shown(state: State, job: JobEntry, *, with_failures: bool = True) -> Job:
    """A job as people see it."""
    return job.as_job(state.clock, state.node_name(job.node_id), with_failures=with_failures)


def cancel(state: State, job_id: UUID, reason: str | None, *, force: bool) -> Job:
    """See Store.cancel."""
    job = state.jobs.get(job_id)
    if not job.state.final:
        if force:
            state.steps.get(job_id, {}).pop(WATCH, None)
        if workflows.cancel_one(state, job, reason, again=force):
            workflows.tell(state, job)
    return shown(state, job)


def pause_job(state: State, job_id: UUID) -> Job:
    """See Store.pause_job."""
    job = state.jobs.get(job_id)
    endings.pause(state, job)
    return shown(state, job)


def resume_job(state: State, job_id: UUID) -> Job:
    """See Store.resume_job."""
    job = state.jobs.get(job_id)
    if job.paused_at is not None and not job.state.final:
        endings.resume(state, job)
        workflows.wake(state, [job_id, *(() if job.parent is None else (job.parent[0],))])
    return shown(state, job)


def retry(state: State, job_id: UUID) -> Job:
    """See Store.retry."""
    job = state.jobs.get(job_id)
    now = state.clock.now()
    paused = job.paused_at is not None and not job.state.final
    if job.state is not JobState.RUNNING and not paused:
        _require_key(state, job)
        job.output = None
        job.paused_at = job.paused_from = job.expired_at = None
        job.cancel_requested_at = None
        job.cancel_reason = None
        job.crashes = 0
        if job.expires_at is not None and job.expires_at <= now:
            job.expires_at = None
        job.max_attempts = max(job.max_attempts, job.attempt + 1)
        when = None if job.state is JobState.AVAILABLE else now
        state.jobs.move(job, JobState.AVAILABLE, now, scheduled_at=when)
        state.announce(job)
        going_on.forget_failures(state, job.id)
    return shown(state, job)


def _require_key(state: State, job: JobEntry) -> None:
    """Raises: JobNotUnique, if another holds the key that this one would hold."""
    holder = holder_of(state, job.unique_key)
    if holder is None or holder is job:
        return
    if holds_key(JobState.AVAILABLE, job.new.unique_states, job.run_number):
        raise JobNotUnique(holder.id)


def delete(state: State, job_id: UUID) -> bool:
    """See Store.delete."""
    job = state.jobs.get(job_id)
    if job.state is JobState.RUNNING:
        return False
    state.remove(job)
    if job_id in state.waiters:
        state.board.notify("finished", str(job_id))
    return True


def jobs(state: State, wanted: JobFilter, limit: int, before: UUID | None) -> list[Job]:
    """See Store.jobs."""
    older = (job for job in state.jobs.newest_first() if before is None or job.id < before)
    found = (job for job in older if fits(shown(state, job), wanted))
    return [shown(state, job, with_failures=False) for job in islice(found, limit)]


def pause(state: State, queue: str) -> None:
    """See Store.pause."""
    for name in _known(state) if queue == "*" else [queue]:
        if state.paused.get(name) is None:
            state.paused[name] = state.clock.now()
        state.board.notify("control", f"pause:{name}")


def resume(state: State, queue: str) -> None:
    """See Store.resume."""
    for name in sorted(state.paused) if queue == "*" else [queue]:
        if state.paused.get(name) is not None:
            state.paused[name] = None
            state.board.notify("control", f"resume:{name}")
            state.board.notify("wakeup", name)


def queues(state: State) -> list[QueueInfo]:
    """See Store.queues."""
    return [_queue(state, name) for name in _known(state)]


def _known(state: State) -> list[str]:
    living = [node for node in state.nodes.values() if state.lives(node.id)]
    served = [queue for node in living for queue in node.info.queues]
    running = [job.new.queue for job in state.jobs.in_state(JobState.RUNNING)]
    return sorted({*state.paused, *served, *running, *state.jobs.waiting_queues()})


def _queue(state: State, name: str) -> QueueInfo:
    running = [job for job in state.jobs.in_state(JobState.RUNNING) if job.new.queue == name]
    places = state.jobs.waiting(name)
    oldest = min((place[1] for place in places), default=None)
    return QueueInfo(
        name=name,
        paused_at=state.clock.maybe_date(state.paused.get(name)),
        available=len(places),
        running=len(running),
        oldest_age_seconds=None if oldest is None else state.clock.now() - oldest,
    )
