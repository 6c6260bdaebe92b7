"""Schedules of a MemoryStore, as their statements in schema/queries have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from actors.store.memory.rows import ScheduleEntry
from actors.store.memory.state import State
from actors.store.upkeep import DueSchedules, Fired
from runtime.job import NewJob
from runtime.lifecycle import JobState
from runtime.schedule import DueSchedule, Plan, ScheduleInfo, firing_id

_TIMES = ("cron", "timezone", "interval_seconds")


def declare(state: State, node_id: int, schedules: Sequence[ScheduleInfo]) -> int:
    """See Store.declare_schedules."""
    if node_id in state.nodes:
        state.nodes[node_id].schedules = frozenset(each.name for each in schedules)
        state.board.notify("due", "schedule")
    return sum(_define(state, info) for info in schedules)


def _define(state: State, info: ScheduleInfo) -> bool:
    now = state.clock.date(state.clock.now())
    entry = state.schedules.get(info.name)
    if entry is None:
        state.schedules[info.name] = ScheduleEntry(info, info, now)
        return True
    if entry.definition == info:
        return False
    names = info.__struct_fields__
    said = {name for name in names if getattr(entry.definition, name) != getattr(info, name)}
    if said & set(_TIMES):
        said |= set(_TIMES)
        entry.next_at = entry.problem = None
    changes = {name: getattr(info, name) for name in said}
    entry.info = msgspec.structs.replace(entry.info, **changes)
    entry.definition, entry.updated_at = info, now
    return True


def due(state: State, limit: int) -> DueSchedules:
    """See Store.due_schedules."""
    now = state.clock.date(state.clock.now())
    planned = [entry for entry in state.schedules.values() if entry.problem is None]
    declared = {
        name for node in state.nodes.values() if state.lives(node.id) for name in node.schedules
    }
    found = sorted(
        (each for each in planned if each.info.name in declared and _is_due(each, now)),
        key=lambda each: (each.next_at is not None, each.next_at or now, each.info.name),
    )
    later = [each.next_at for each in planned if each.next_at is not None and each.next_at > now]
    seconds = min(((at - now).total_seconds() for at in later), default=None)
    return DueSchedules(now, tuple(_due_of(each) for each in found[:limit]), seconds)


def _is_due(entry: ScheduleEntry, now: datetime) -> bool:
    return entry.next_at is None or entry.next_at <= now


def _due_of(entry: ScheduleEntry) -> DueSchedule:
    info = entry.info
    return DueSchedule(
        info.name,
        entry.next_at,
        entry.updated_at,
        info.cron,
        info.timezone,
        info.interval_seconds,
        info.catch_up,
        info.overlap,
    )


def fire(state: State, plans: Sequence[Plan], term: int | None) -> Fired:
    """See Store.fire."""
    if not state.leads(term):
        return Fired(0, 0)
    fitting = [
        (plan, state.schedules[plan.name])
        for plan in plans
        if plan.name in state.schedules and _is_as_read(state.schedules[plan.name], plan)
    ]
    return Fired(len(fitting), sum(_fire_one(state, plan, entry) for plan, entry in fitting))


def _is_as_read(entry: ScheduleEntry, plan: Plan) -> bool:
    unchanged = (entry.next_at, entry.updated_at) == (plan.due_at, plan.updated_at)
    return unchanged and entry.problem is None


def _fire_one(state: State, plan: Plan, entry: ScheduleEntry) -> int:
    entry.next_at, entry.problem = plan.next_at, plan.problem
    if not plan.firings or (not entry.info.overlap and _last_runs(state, entry)):
        return 0
    entry.last = plan
    return sum(state.enqueue([_job(entry.info, at) for at in plan.firings]))


def _last_runs(state: State, entry: ScheduleEntry) -> bool:
    if entry.last is None or entry.last.ids()[-1] not in state.jobs:
        return False
    ended = state.jobs.get(entry.last.ids()[-1]).state
    return ended not in (JobState.COMPLETED, JobState.CANCELLED, JobState.DISCARDED)


def _job(info: ScheduleInfo, at: datetime) -> NewJob:
    metadata = msgspec.json.decode(info.metadata)
    metadata |= {"schedule": info.name, "scheduled_for": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"}
    return NewJob(
        id=firing_id(info.name, at),
        kind=info.kind,
        args=info.args,
        queue=info.queue,
        priority=info.priority,
        max_attempts=info.max_attempts,
        timeout_seconds=info.timeout_seconds,
        scheduled_at=at,
        tags=info.tags,
        metadata=msgspec.json.encode(metadata).decode(),
        key=info.key,
        sequence=info.sequence,
    )
