"""Claims from limited queues, as claim_limited in schema/migrations does them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from actors.store.memory.rows import JobEntry
from actors.store.memory.state import State
from actors.store.protocol import Demand, LimitedClaim
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from runtime.limits import QueueLimits, Rate

# A rate is not asked more often than this, in seconds.
SHORTEST_SECONDS = 0.001
_SLACK = 1e-9  # jobs; of the rounding of seconds


def claim_limited(state: State, node_id: int, demand: Sequence[Demand]) -> LimitedClaim:
    """See Store.claim_limited."""
    jobs: list[ClaimedJob] = []
    again: dict[str, float | None] = {}
    for group in demand:
        limits = state.limits.get(group.queue)
        if limits and state.lives(node_id) and state.paused.get(group.queue) is None:
            taken = _take(state, node_id, group, limits)
            jobs += [job.as_claimed(state.clock.now()) for job in taken]
            again[group.queue] = _again(state, group, limits, len(taken))
    return LimitedClaim(jobs, again)


def _take(state: State, node_id: int, group: Demand, limits: QueueLimits) -> list[JobEntry]:
    taken: list[JobEntry] = []
    for job in _in_turn(state, group, limits):
        if len(taken) == group.places:
            break
        if _may_run(state, job, limits):
            _begin(state, job, limits, node_id)
            taken.append(job)
    return taken


def _in_turn(state: State, group: Demand, limits: QueueLimits) -> Iterable[JobEntry]:
    """The available jobs, in the order in which they are looked at."""
    places = [place for place in state.jobs.waiting(group.queue) if place[3] in group.kinds]
    jobs = [state.jobs.get(place[2]) for place in places]
    if not limits.takes_turns:
        return jobs
    rounds: Counter[str | None] = Counter()
    turns: list[tuple[int, bool, str, int, JobEntry]] = []
    last = state.turns.get(group.queue, "")
    for number, job in enumerate(jobs):
        key = job.new.key
        rounds[key] += 1
        turns.append((rounds[key], key is not None and key <= last, key or "", number, job))
    return [turn[-1] for turn in sorted(turns, key=lambda turn: turn[:-1])]


def _may_run(state: State, job: JobEntry, limits: QueueLimits) -> bool:
    queue, key = job.new.queue, job.new.key
    running = [each for each in state.jobs.in_state(JobState.RUNNING) if each.new.queue == queue]
    if limits.concurrency is not None and len(running) >= limits.concurrency:
        return False
    of_key = sum(each.new.key == key for each in running)
    if key is not None and limits.per_key is not None and of_key >= limits.per_key:
        return False
    return _waits(state, queue, key, limits.rate) <= 0


def _begin(state: State, job: JobEntry, limits: QueueLimits, node_id: int) -> None:
    now = state.clock.now()
    queue, key, rate = job.new.queue, job.new.key, limits.rate
    if rate is not None:
        mark = (queue, key if rate.per_key else None)
        state.free_at[mark] = max(now, state.free_at.get(mark, now)) + rate.per / rate.count
    if limits.takes_turns and key is not None:
        state.turns[queue] = key
    state.begin_run(job, node_id)


def _waits(state: State, queue: str, key: str | None, rate: Rate | None) -> float:
    """Seconds until another may begin."""
    if rate is None or (rate.per_key and key is None):
        return 0.0
    free_at = state.free_at.get((queue, key if rate.per_key else None), 0.0)
    spacing = rate.per / rate.count
    waits = free_at - state.clock.now() - (rate.burst - 1) * spacing
    return waits if waits > _SLACK * spacing else 0.0


def _again(state: State, group: Demand, limits: QueueLimits, got: int) -> float | None:
    waiting = state.jobs.waiting(group.queue)
    if got == group.places or not waiting:
        return None
    running = [job for job in state.jobs.in_state(JobState.RUNNING) if job.new.queue == group.queue]
    full = limits.concurrency is not None and len(running) >= limits.concurrency
    keys = {state.jobs.get(place[2]).new.key for place in waiting}
    waits = [_waits(state, group.queue, key, limits.rate) for key in keys]
    if full or not any(waits):
        return 0.0 if full or limits.takes_turns else None
    return max(SHORTEST_SECONDS, min(each for each in waits if each))
