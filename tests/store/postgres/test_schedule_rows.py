"""The table `schedule`: what SQL may do to it, what the code may not undo, two leaders at once."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import trio

from runtime.errors import NamespaceDisabled
from runtime.job_filter import JobFilter
from runtime.schedule import Plan, ScheduleInfo, plan
from tests.store.harness import Bench
from tests.store.tables import Tables


def define(tables: Tables, name: str = "tick", **columns: Any) -> None:
    values = {"name": name, "kind": "k", "interval_seconds": 60.0} | columns
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    statement = f"INSERT INTO headrace.schedule ({names}) VALUES ({places})"
    tables.connection.execute(statement.encode(), list(values.values()))


def read(tables: Tables, columns: str, name: str = "tick") -> Any:
    statement = f"SELECT {columns} FROM schedule WHERE name = %s"
    return tables.connection.execute(statement.encode(), [name]).fetchone()


def change(tables: Tables, changes: str) -> None:
    tables.connection.execute(f"UPDATE headrace.schedule SET {changes}".encode())


async def plans(bench: Bench) -> list[Plan]:
    due = await bench.store.due_schedules(100)
    return [plan(each, due.now) for each in due.schedules]


async def fire(bench: Bench) -> int:
    return (await bench.store.fire(await plans(bench))).jobs


async def test_a_schedule_of_sql_is_planned_and_fired(bench: Bench, tables: Tables) -> None:
    define(tables, args="{}", catch_up=1, metadata='{"mine": true}', expires_seconds=30.0)
    assert await fire(bench) == 0
    tables.pass_time(70)
    assert await fire(bench) == 1

    (job,) = await bench.store.jobs(JobFilter())
    assert job.metadata["mine"] is True
    assert job.expires_at is not None
    assert (job.expires_at - job.scheduled_at).total_seconds() == 30
    assert read(tables, "last_at, last_job_id") == (job.scheduled_at, job.id)


async def test_changed_times_are_planned_anew_and_other_changes_are_not(
    bench: Bench, tables: Tables
) -> None:
    define(tables)
    await fire(bench)
    (planned,) = read(tables, "next_at")

    change(tables, "queue = 'other', interval_seconds = 60")
    assert read(tables, "next_at") == (planned,)
    change(tables, "interval_seconds = 30")

    assert read(tables, "next_at") == (None,)


async def test_a_paused_schedule_does_not_fire_and_resumes_without_what_it_missed(
    bench: Bench, tables: Tables
) -> None:
    define(tables, catch_up=1000)
    await fire(bench)
    change(tables, "paused_at = now()")
    tables.pass_time(600)
    assert await plans(bench) == []
    assert (await bench.store.due_schedules(9)).next_due_seconds is None

    change(tables, "paused_at = NULL")
    assert await fire(bench) == 0
    tables.pass_time(61)
    assert await fire(bench) == 1


async def test_a_plan_made_before_a_change_fires_nothing(bench: Bench, tables: Tables) -> None:
    define(tables)
    await fire(bench)
    tables.pass_time(61)
    early = await plans(bench)
    change(tables, "kind = 'other'")

    assert (await bench.store.fire(early)).schedules == 0
    assert await fire(bench) == 1
    assert (await bench.store.jobs(JobFilter()))[0].kind == "other"


async def test_what_an_operator_changed_stays_until_the_code_says_something_new_of_it(
    bench: Bench, tables: Tables
) -> None:
    node_id = await bench.node()
    code = ScheduleInfo(name="tick", kind="k", interval_seconds=60.0, priority=2)
    await bench.store.declare_schedules(node_id, [code])
    change(tables, "queue = 'slow', interval_seconds = 10, paused_at = now()")

    await bench.store.declare_schedules(node_id, [code])
    assert read(tables, "queue, interval_seconds, priority") == ("slow", 10.0, 2)
    newer = ScheduleInfo(name="tick", kind="k2", interval_seconds=60.0, priority=3)
    await bench.store.declare_schedules(node_id, [newer])
    assert read(tables, "kind, queue, interval_seconds, priority") == ("k2", "slow", 10.0, 3)
    nightly = ScheduleInfo(name="tick", kind="k2", cron="0 3 * * *", timezone="Europe/Berlin")
    await bench.store.declare_schedules(node_id, [nightly])

    columns = "queue, cron, timezone, interval_seconds, paused_at IS NOT NULL"
    assert read(tables, columns) == ("slow", "0 3 * * *", "Europe/Berlin", None, True)


async def test_nodes_that_start_at_once_declare_the_same(bench: Bench, tables: Tables) -> None:
    code = [ScheduleInfo(name=name, kind="k", interval_seconds=60.0) for name in "dcba"]
    changed: list[int] = []

    async def start(order: list[ScheduleInfo]) -> None:
        node_id = await bench.node()
        changed.append(await bench.store.declare_schedules(node_id, order))

    async with trio.open_nursery() as nursery:
        for order in (code, code[::-1], code, code[::-1]):
            nursery.start_soon(start, order)

    assert sorted(changed) == [0, 0, 0, 4]


async def test_two_leaders_at_once_fire_once(bench: Bench, tables: Tables) -> None:
    for name in "abcdef":
        define(tables, name, catch_up=50)
    await fire(bench)
    tables.pass_time(10 * 60 + 1)
    one, two = await plans(bench), (await plans(bench))[::-1]
    fired: list[int] = []

    async def lead(mine: list[Plan]) -> None:
        fired.append((await bench.store.fire(mine)).jobs)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead, one)
        nursery.start_soon(lead, two)
    fired.append(await fire(bench))  # what each skipped because the other held it

    assert sum(fired) == 60
    assert len(await bench.store.jobs(JobFilter(), limit=100)) == 60


async def test_a_schedule_that_somebody_holds_is_not_waited_for(
    bench: Bench, tables: Tables
) -> None:
    define(tables, "held")
    define(tables, "free")
    await fire(bench)
    tables.pass_time(61)
    with tables.rival() as rival:
        rival.execute("SELECT FROM schedule WHERE name = 'held' FOR UPDATE")
        with trio.fail_after(10):
            assert await fire(bench) == 1
    assert await fire(bench) == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"interval_seconds": -5.0},
        {"cron": "* * * * *"},  # and an interval
        {"catch_up": -1},
        {"timeout_seconds": float("inf")},
        {"metadata": '{"a": "' + "a" * 100_000 + '"}'},
        {"sequence": True},
    ],
)
def test_what_could_never_be_fired_is_refused_in_sql_too(
    tables: Tables, columns: dict[str, Any]
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        define(tables, **columns)


async def test_a_schedule_of_sql_that_cannot_be_planned_does_not_stop_the_others(
    bench: Bench, tables: Tables
) -> None:
    define(tables, "broken", cron="0 0 31 2 *", interval_seconds=None)
    define(tables, "quick", interval_seconds=1e-9)
    define(tables, "good")
    await fire(bench)
    tables.pass_time(61)

    assert await fire(bench) == 1
    assert "Bad day-of-month" in read(tables, "problem", "broken")[0]
    assert "an interval is" in read(tables, "problem", "quick")[0]

    tables.connection.execute("UPDATE schedule SET cron = '* * * * *' WHERE name = 'broken'")
    assert read(tables, "problem", "broken") == (None,)


async def test_a_deleted_row_of_leader_is_made_anew_and_the_old_leader_is_nobody(
    bench: Bench, tables: Tables
) -> None:
    old, new = await bench.node(1e6), await bench.node(1e6)
    before = await bench.store.elect(old, 1000)
    define(tables)
    await fire(bench)
    tables.pass_time(61)
    tables.connection.execute("DELETE FROM leader")
    try:
        due = await plans(bench)
        assert (await bench.store.fire(due, before.number)).jobs == 0
        dead = await bench.store.elect(10**9, 10)
        assert (dead.held, dead.expires_seconds) == (False, 0)

        healed = await bench.store.elect(new, 1000)

        assert healed.held
        assert healed.number > before.number + 1_000_000
        refused = await bench.store.elect(old, 10)
        assert (refused.held, refused.number) == (False, healed.number)
        assert (await bench.store.fire(due, healed.number)).jobs == 1
    finally:
        tables.connection.execute("INSERT INTO leader DEFAULT VALUES ON CONFLICT DO NOTHING")


async def test_candidates_for_a_deleted_row_elect_one(bench: Bench, tables: Tables) -> None:
    nodes = [await bench.node() for _ in range(4)]
    tables.connection.execute("DELETE FROM leader")
    held: list[bool] = []

    async def stand(node_id: int) -> None:
        held.append((await bench.store.elect(node_id, 1000)).held)

    async with trio.open_nursery() as nursery:
        for node_id in nodes:
            nursery.start_soon(stand, node_id)

    assert sorted(held) == [False, False, False, True]


async def test_a_disabled_namespace_fires_nothing_and_makes_it_good_when_enabled(
    bench: Bench, tables: Tables
) -> None:
    define(tables)
    await fire(bench)
    tables.pass_time(61)
    early = await plans(bench)
    tables.connection.execute("SELECT headrace.disable_namespace()")
    try:
        assert await plans(bench) == []
        with pytest.raises(NamespaceDisabled):
            await bench.store.fire(early)
    finally:
        tables.connection.execute("SELECT headrace.enable_namespace()")

    assert await fire(bench) == 1
