"""What becomes of a schedule that is due: which firings, and when the next one is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime import App, UsageError, cron, every
from runtime.app import load
from runtime.child.loading import AppLoadError, schedules_of
from runtime.errors import ArgsInvalid
from runtime.schedule import DueSchedule, ScheduleInfo, firing_id, plan

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def due(late_seconds: float | None, **options: Any) -> DueSchedule:
    """Every minute, and so late; None: not planned yet, changed ten seconds ago."""
    at = None if late_seconds is None else NOW - timedelta(seconds=late_seconds)
    fields = {"cron": None, "timezone": "UTC", "interval_seconds": 60.0, "catch_up": 1}
    fields |= {"overlap": True} | options
    return DueSchedule("tick", at, NOW - timedelta(seconds=10), **fields)  # type: ignore[arg-type]


def ages(schedule: DueSchedule) -> list[float]:
    return [(NOW - at).total_seconds() for at in plan(schedule, NOW).firings]


def test_a_schedule_that_is_due_fires_and_is_planned_on_its_own_grid() -> None:
    planned = plan(due(0.5), NOW)

    assert ages(due(0.5)) == [0.5]
    assert planned.next_at == NOW + timedelta(seconds=59.5)
    assert not planned.missed


def test_a_new_schedule_is_planned_from_its_definition_and_does_not_fire() -> None:
    planned = plan(due(None), NOW)

    assert planned.firings == ()
    assert planned.next_at == NOW + timedelta(seconds=50)


@pytest.mark.parametrize(
    ("catch_up", "fired"),
    [(0, []), (1, [40]), (3, [160, 100, 40]), (1000, [220, 160, 100, 40])],
)
def test_after_a_gap_as_many_firings_are_made_good_as_is_wished(
    catch_up: int, fired: list[float]
) -> None:
    schedule = due(220, catch_up=catch_up)

    assert ages(schedule) == fired
    assert plan(schedule, NOW).next_at == NOW + timedelta(seconds=20)
    assert plan(schedule, NOW).missed == (len(fired) < 4)


def test_who_skips_what_was_missed_still_fires_what_is_hardly_late() -> None:
    assert ages(due(65, catch_up=0)) == [5]
    assert ages(due(90, catch_up=0)) == [30]
    assert ages(due(91, catch_up=0)) == []


def test_where_jobs_may_not_overlap_a_gap_is_one_firing() -> None:
    assert ages(due(220, catch_up=1000, overlap=False)) == [40]


@pytest.mark.parametrize(
    "broken", [{"cron": "0 0 31 2 *"}, {"cron": "* * * * *", "timezone": "Nowhere/At_all"}]
)
def test_a_schedule_that_cannot_be_planned_says_why_and_stops_nobody(
    broken: dict[str, Any],
) -> None:
    planned = plan(due(5, interval_seconds=None, **broken), NOW)

    assert (planned.firings, planned.next_at) == ((), None)
    assert planned.problem


def test_a_firing_has_one_id_that_sorts_by_its_time() -> None:
    first, again = firing_id("a", NOW), firing_id("a", NOW)
    later = firing_id("a", NOW + timedelta(microseconds=1))

    assert first == again
    assert first < later
    assert firing_id("b", NOW) != first
    assert (first.version, first.variant) == (7, "specified in RFC 4122")


def app_with(**schedules: Any) -> App:
    app = App()

    @app.job(queue="reports", schedule=every(60))
    def daily(days: int = 1) -> None: ...

    @app.job
    def other(path: str) -> None: ...

    for name, (timing, args) in schedules.items():
        app.schedule(name, timing, other.with_options(priority=3, tags=["t"]), *args)
    return app


def test_an_app_says_what_it_defines() -> None:
    found = app_with(nightly=(cron("0 3 * * *", timezone="Europe/Berlin"), ["x"])).schedules()

    assert found == [
        ScheduleInfo(name="daily", kind="daily", queue="reports", interval_seconds=60.0),
        ScheduleInfo(
            name="nightly",
            kind="other",
            args='{"path":"x"}',
            priority=3,
            tags=("t",),
            cron="0 3 * * *",
            timezone="Europe/Berlin",
        ),
    ]


def test_what_an_app_cannot_define_is_told_at_once_or_when_it_is_loaded() -> None:
    app = app_with(nightly=(every(5), []))  # its handler wants an arg
    with pytest.raises(ArgsInvalid):
        app.schedules()
    handler = app.handler("daily")
    with pytest.raises(UsageError, match="has a schedule 'daily' already"):
        app.schedule("daily", every(5), handler)
    with pytest.raises(UsageError, match="takes a handler"):
        app.schedule("x", every(5), print)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"takes cron\(...\) or every\(...\)"):
        app.schedule("x", "0 3 * * *", handler)  # type: ignore[arg-type]
    later = App()
    later.schedule("later", every(5), handler.with_options(delay=3))
    with pytest.raises(UsageError, match="says when its jobs run"):
        later.schedules()


def test_a_node_refuses_an_app_whose_schedule_cannot_be(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong_schedule.py").write_text(
        "from runtime import App, every\napp = App()\n\n\n@app.job(schedule=every(5))\n"
        "def wants(path: str) -> None: ...\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(AppLoadError, match="in the schedule 'wants'"):
        schedules_of(load("wrong_schedule"))
