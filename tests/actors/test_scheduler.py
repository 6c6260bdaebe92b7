"""The Scheduler: fires at the moment, catches up after outages, and never twice."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from actors import events
from actors.maintenance.registrar import Registrar
from actors.maintenance.reindexer import Reindexer
from actors.maintenance.scheduler import Scheduler
from actors.store.upkeep import Rebuilt
from runtime.job import KindInfo
from runtime.job_filter import JobFilter
from runtime.schedule import ScheduleInfo
from tests.actors.conftest import Bench

TICK = ScheduleInfo(name="tick", kind="kind", interval_seconds=2.5, catch_up=1000)


async def declare(bench: Bench, *schedules: ScheduleInfo) -> None:
    node_id = await bench.join()
    await bench.store.declare_schedules(node_id, schedules)


async def fired(bench: Bench) -> list[float]:
    """Seconds of the firings since the store's beginning, oldest first."""
    jobs = await bench.store.jobs(JobFilter(), limit=1000)
    start = jobs[-1].scheduled_at if jobs else None
    assert start is not None
    return [(job.scheduled_at - start).total_seconds() for job in reversed(jobs)]


async def test_an_interval_fires_on_its_grid_within_milliseconds(bench: Bench) -> None:
    await declare(bench, TICK)
    await bench.start(Scheduler(bench.store, bench.seen.append).run)
    await trio.sleep(10.01)

    assert await fired(bench) == [0, 2.5, 5, 7.5]
    made = [job.created_at - job.scheduled_at for job in await bench.store.jobs(JobFilter())]
    assert max(each.total_seconds() for each in made) < 0.01


async def test_a_new_schedule_wakes_it(bench: Bench) -> None:
    scheduler = Scheduler(bench.store, bench.seen.append)
    await bench.start(scheduler.run)
    await wait_all_tasks_blocked()
    await declare(bench, ScheduleInfo(name="soon", kind="kind", interval_seconds=0.5))
    scheduler.due_soon()
    await trio.sleep(0.6)

    assert len(await fired(bench)) == 1


async def test_lost_answers_and_outages_neither_lose_nor_double_a_firing(bench: Bench) -> None:
    await declare(bench, TICK)
    await bench.start(Scheduler(bench.store, bench.seen.append).run)
    for _ in range(4):
        bench.store.faults.lose_reply("fire")
        await trio.sleep(7)
        bench.store.lose_database()
        await trio.sleep(9)
        bench.store.find_database()
    await trio.sleep(5)

    found = await fired(bench)
    assert found == [2.5 * place for place in range(len(found))]
    assert len(found) >= 26


async def test_a_problem_is_told_and_the_others_fire(bench: Bench) -> None:
    nowhere = ScheduleInfo(name="broken", kind="kind", cron="* * * * *", timezone="No/Where")
    await declare(bench, TICK, nowhere)
    await bench.start(Scheduler(bench.store, bench.seen.append).run)
    await trio.sleep(3)

    (told,) = bench.saw(events.ScheduleBroken)
    assert isinstance(told, events.ScheduleBroken)
    assert told.schedule == "broken"
    assert len(await fired(bench)) == 1


async def test_missed_firings_are_told(bench: Bench) -> None:
    await declare(bench, ScheduleInfo(name="tick", kind="kind", interval_seconds=1.0))
    await bench.start(Scheduler(bench.store, bench.seen.append).run)
    await trio.sleep(1.1)
    bench.store.lose_database()
    await trio.sleep(5)
    bench.store.find_database()
    await trio.sleep(2)

    assert events.FiringsMissed(("tick",)) in bench.seen


async def kinds() -> tuple[KindInfo, ...]:
    return KindInfo("tick"), KindInfo("tock")


async def test_the_registrar_tells_once_the_app_is_known_and_waits_for_the_database(
    bench: Bench,
) -> None:
    await bench.join()
    known = trio.Event()

    async def schedules() -> tuple[ScheduleInfo, ...]:
        await known.wait()
        return (TICK,)

    bench.store.faults.fail_next("declare_kinds", times=2)
    bench.store.faults.fail_next("declare_schedules", times=3)
    registrar = Registrar(bench.store, bench.lease, kinds, schedules, bench.seen.append)
    await bench.start(registrar.run)
    await trio.sleep(1)
    assert bench.store.faults.calls["declare_schedules"] == 0
    known.set()
    await trio.sleep(5)

    assert bench.saw(events.SchedulesDeclared) == [events.SchedulesDeclared(1, 1)]
    assert (await bench.store.due_schedules(10)).schedules[0].name == "tick"
    assert [node.kinds for node in await bench.store.nodes()] == [("tick", "tock")]


async def test_a_node_whose_app_defines_nothing_asks_nothing(bench: Bench) -> None:
    await bench.join()

    async def none() -> tuple[ScheduleInfo, ...]:
        return ()

    await bench.start(Registrar(bench.store, bench.lease, kinds, none).run)
    await trio.sleep(1)

    assert bench.store.faults.calls["declare_schedules"] == 0


async def test_the_reindexer_goes_on_to_the_next_index_and_leaves_a_built_one_alone(
    bench: Bench,
) -> None:
    asked: list[tuple[str, ...]] = []

    async def reindex(but: tuple[str, ...], _term: int | None = None) -> Rebuilt | None:
        asked.append(but)
        left = [name for name in ("a", "b") if name not in but]
        return Rebuilt(left[0], 100, 10) if left else None

    bench.store.reindex = reindex  # type: ignore[method-assign, assignment]
    await bench.start(Reindexer(bench.store, bench.seen.append).run)
    await trio.sleep(100)

    assert asked == [(), ("a",), ("a", "b")]
    assert len(bench.saw(events.Reindexed)) == 2
