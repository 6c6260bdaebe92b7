"""Schedules, as due_schedules.sql, fire.sql and declare_schedules.sql have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from actors.store.bridge import Row
from actors.store.upkeep import DueSchedules
from runtime.schedule import DueSchedule, Plan, ScheduleInfo


def due_of(found: Sequence[Row]) -> DueSchedules:
    """The answer of due_schedules.sql."""
    due = tuple(DueSchedule(*tuple(row)[2:]) for row in found if row["name"] is not None)
    return DueSchedules(found[0]["now"], due, found[0]["next_due_seconds"])


def plan_columns(plans: Sequence[Plan]) -> list[list[Any]]:
    """Plans as fire.sql takes them."""
    firings = [
        (place, at, job_id)
        for place, plan in enumerate(plans, start=1)
        for at, job_id in zip(plan.firings, plan.ids(), strict=True)
    ]
    heads: list[list[str | datetime | None]] = [
        [plan.name for plan in plans],
        [plan.due_at for plan in plans],
        [plan.updated_at for plan in plans],
        [plan.next_at for plan in plans],
        [plan.problem for plan in plans],
    ]
    return [*heads, *([each[field] for each in firings] for field in range(3))]


def definitions_json(schedules: Sequence[ScheduleInfo]) -> str:
    """Definitions as declare_schedules.sql takes them."""
    return f"[{','.join(each.as_json().decode() for each in schedules)}]"
