"""Who suspends a workflow and who brings what it waits for, at once: no wakeup is lost."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import trio

from actors.store.postgres import rows
from actors.store.postgres.steps import record_statement
from actors.store.protocol import RunRecords
from runtime.job import ClaimedJob
from runtime.lifecycle import JobState
from runtime.workflow.ids import child_id
from runtime.workflow.records import History, Record, Recorded, Spawn, StepRecord
from tests.store.harness import Bench, ack_of, new_job, refusal
from tests.store.postgres.test_races import Asked, execute, until
from tests.store.tables import Tables


async def waiting_for(bench: Bench, op: str, name: str) -> ClaimedJob:
    """A run that has recorded that it waits, and has not ended yet."""
    job = await bench.run_one()
    step = StepRecord("1", op, name, done=False)
    (answer,) = await bench.store.record([RunRecords(job.id, job.run_number, Record((step,)))])
    assert isinstance(answer, Recorded)
    return job


def suspend(rival: psycopg.Connection, job: ClaimedJob) -> None:
    """Write the outcome in the rival's transaction."""
    ack = ack_of(job, JobState.PENDING, delay_seconds=None, counted=False)
    execute(rival, "ack", *rows.ack_columns([ack]))


def send(rival: psycopg.Connection, job: ClaimedJob) -> None:
    rival.execute("SELECT send_signal(%s, 'approved')", [job.id])


def emit(rival: psycopg.Connection, _: ClaimedJob) -> None:
    rival.execute("SELECT emit_event('approved')")


@pytest.mark.parametrize("op", ["signal", "event"])
@pytest.mark.parametrize("first", ["the wait", "the message"])
async def test_a_message_and_a_suspension_at_once_lose_nothing(
    bench: Bench, tables: Tables, op: str, first: str
) -> None:
    job = await waiting_for(bench, op, "approved")
    bring = send if op == "signal" else emit
    with tables.rival() as suspending, tables.rival() as sending:
        suspend(suspending, job)
        bring(sending, job)
        earlier, later = (suspending, sending) if first == "the wait" else (sending, suspending)
        earlier.commit()
        early = await bench.store.wake([job.id])  # as its node does, which sees its own side alone
        later.commit()

    assert early == 0
    assert await bench.store.wake([job.id]) == 1
    assert await bench.state(job.id) is JobState.AVAILABLE


async def test_a_message_in_a_long_transaction_holds_up_no_outcome(
    bench: Bench, tables: Tables
) -> None:
    job = await waiting_for(bench, "signal", "approved")
    with tables.rival() as rival:
        send(rival, job)
        with trio.fail_after(5):
            retry = ack_of(job, JobState.RETRYABLE, delay_seconds=0.0)
            assert (await bench.store.ack([retry])).written == 1
            assert (await bench.store.stage(10)).jobs == 1
            assert len(await bench.claim(await bench.node())) == 1
    found = await bench.store.recall(job.id, 2)
    assert isinstance(found, History)
    assert [one.name for one in found.signals] == ["approved"]


async def test_two_senders_of_one_signal_send_it_once(bench: Bench, tables: Tables) -> None:
    job = await waiting_for(bench, "signal", "approved")
    signal = uuid4()
    async with trio.open_nursery() as nursery:
        with tables.rival() as rival:
            rival.execute("SELECT send_signal(%s, 'approved', '1', %s)", [job.id, signal])
            other = Asked(
                nursery,
                partial(
                    trio.to_thread.run_sync,
                    bench.hands.send_signal,
                    job.id,
                    "approved",
                    "2",
                    signal,
                ),
            )
            with tables.rival() as watcher:
                await until(lambda: _blocked(watcher) == 1)
        assert await other.wait() == "known"


async def test_a_signal_that_comes_after_its_job_was_deleted_goes(
    bench: Bench, tables: Tables
) -> None:
    job = await waiting_for(bench, "signal", "approved")
    other = await waiting_for(bench, "signal", "approved")
    with tables.rival() as rival:
        send(rival, job)
        send(rival, other)
        await bench.store.ack([ack_of(job)])
        assert await bench.store.delete(job.id)

    await bench.store.sweep_waits(10)

    left = tables.connection.execute("SELECT job_id FROM signal").fetchall()
    assert left == [(other.id,)]


def _blocked(watcher: psycopg.Connection) -> int:
    watcher.rollback()
    row = watcher.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])


async def family(
    bench: Bench, count: int, most: int | None = None
) -> tuple[ClaimedJob, list[ClaimedJob]]:
    """A suspended parent, and its children that run."""
    parent = await bench.run_one()
    jobs = tuple(
        new_job(id=child_id(parent.id, "1", index), kind="child") for index in range(count)
    )
    step = StepRecord("1", "map", "child", done=False, mode="all", max_in_flight=most)
    (answer,) = await bench.store.record([RunRecords(parent.id, 1, Spawn(step, jobs))])
    assert isinstance(answer, Recorded)
    suspended = ack_of(parent, JobState.PENDING, delay_seconds=None, counted=False)
    await bench.store.ack([suspended])
    assert await bench.store.wake([parent.id]) == 0
    return parent, await bench.claim(await bench.node(), kinds=("child",))


def end(rival: psycopg.Connection, child: ClaimedJob) -> None:
    execute(rival, "ack_completed", *rows.completion_columns([ack_of(child)]))


async def test_two_last_children_that_end_at_once_wake_their_parent(
    bench: Bench, tables: Tables
) -> None:
    parent, (first, second) = await family(bench, 2)
    with tables.rival() as one, tables.rival() as other:
        end(one, first)
        end(other, second)
        assert await bench.store.wake([parent.id]) == 0
        one.commit()
        assert await bench.store.wake([parent.id]) == 0  # sees the one alone
        other.commit()
    assert await bench.store.wake([parent.id]) == 1


async def test_of_two_that_look_at_once_one_wakes_the_parent(bench: Bench, tables: Tables) -> None:
    parent, children = await family(bench, 2)
    await bench.store.ack([ack_of(child) for child in children])
    woken: list[int] = []

    async def look() -> None:
        woken.append(await bench.store.wake([parent.id]))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(look)

    assert sorted(woken) == [0] * 7 + [1]


async def test_who_looked_too_early_keeps_nobody_from_looking(bench: Bench, tables: Tables) -> None:
    parent, (child,) = await family(bench, 1)
    with tables.rival() as early:
        execute(early, "wake", [parent.id])  # and its transaction goes on
        await bench.store.ack([ack_of(child)])
        with trio.fail_after(5):
            assert await bench.store.wake([parent.id]) == 1


async def test_a_job_that_somebody_holds_is_left_to_the_sweep(bench: Bench, tables: Tables) -> None:
    parent, (child,) = await family(bench, 1)
    await bench.store.ack([ack_of(child)])
    with tables.rival() as rival:
        rival.execute("SELECT FROM job WHERE id = %s FOR UPDATE", [parent.id])
        with trio.fail_after(5):
            assert await bench.store.wake([parent.id]) == 0
    assert await bench.store.sweep_waits(10) == 1


async def test_no_more_children_begin_than_there_is_room_for(bench: Bench, tables: Tables) -> None:
    most, count = 3, 24
    parent, running = await family(bench, count, most)
    node = await bench.node()
    begun = len(running)
    woken = 0
    while running:
        assert len(running) <= most
        await bench.store.ack([ack_of(child) for child in running])
        looked = await _look_at_once(bench, parent.id, 8)
        woken += sum(looked)
        in_flight = tables.connection.execute(
            "SELECT count(*) FROM job WHERE parent_id = %s"
            " AND state IN ('available', 'scheduled', 'running', 'retryable')",
            [parent.id],
        ).fetchall()
        assert in_flight == [(min(most, count - begun),)]
        running = await bench.claim(node, kinds=("child",))
        begun += len(running)
    assert (begun, woken) == (count, 1)


async def _look_at_once(bench: Bench, parent: UUID, times: int) -> list[int]:
    looked: list[int] = []

    async def look() -> None:
        looked.append(await bench.store.wake([parent]))

    async with trio.open_nursery() as nursery:
        for _ in range(times):
            nursery.start_soon(look)
    return looked


@pytest.mark.parametrize("statement", ["record_step", "record_steps", "record"])
async def test_a_record_that_waited_for_a_rescue_is_lost(
    bench: Bench, tables: Tables, statement: str
) -> None:
    job = await bench.run_one()
    tables.connection.execute("UPDATE node SET expires_at = now() - interval '1 s'")
    places = ("1",) if statement == "record_step" else ("1", "2")
    publish = statement == "record"
    step = Record(tuple(StepRecord(place, "step", "s", publish=publish) for place in places))
    assert record_statement([RunRecords(job.id, 1, step)])[0] == statement
    async with trio.open_nursery() as nursery:
        with tables.rival() as rival:
            execute(rival, "rescue", 100, None)
            asked = Asked(nursery, lambda: bench.store.record([RunRecords(job.id, 1, step)]))
            await until(lambda: tables.blocked() == 1)
        (answer,) = await asked.wait()
    assert refusal(answer).kind == "lost"
    assert tables.connection.execute("SELECT count(*) FROM step").fetchall() == [(0,)]


async def test_an_outcome_waits_for_the_record_of_its_run(bench: Bench, tables: Tables) -> None:
    job = await bench.run_one()
    with tables.rival() as rival:
        execute(rival, *_statement(job))
        async with trio.open_nursery() as nursery:
            ack = Asked(nursery, lambda: bench.store.ack([ack_of(job)]))
            await until(lambda: tables.blocked() == 1)
            rival.commit()
            assert (await ack.wait()).written == 1


def _statement(job: ClaimedJob) -> tuple[Any, ...]:
    step = Record((StepRecord("1", "step", "s"),))
    name, columns = record_statement([RunRecords(job.id, job.run_number, step)])
    return (name, *columns)


async def test_a_suspended_job_of_a_sequence_keeps_its_turn(bench: Bench, tables: Tables) -> None:
    first, second = await bench.add(2, key="k", sequence=True)
    (job,) = await bench.claim(await bench.node())
    assert job.id == first
    step = StepRecord("1", "signal", "approved", done=False)
    await bench.store.record([RunRecords(first, 1, Record((step,)))])
    await bench.store.ack([ack_of(job, JobState.PENDING, delay_seconds=None, counted=False)])

    assert (await bench.store.stage(10)).jobs == 0
    assert await bench.claim(await bench.node()) == []
    assert await bench.state(second) is JobState.PENDING

    bench.hands.send_signal(first, "approved")
    assert await bench.store.wake([first, second]) == 1
    (again,) = await bench.claim(await bench.node())
    assert again.id == first


async def test_ten_thousand_children_come_in_chunks_and_go(bench: Bench, tables: Tables) -> None:
    parent = await bench.run_one()
    jobs = tuple(
        new_job(id=child_id(parent.id, "1", index), kind="child") for index in range(10_000)
    )
    step = StepRecord("1", "map", "child", done=False, mode="all")
    for first in range(0, 10_000, 2_500):
        chunk, more = jobs[first : first + 2_500], first < 7_500
        ask = Spawn(step, chunk, first=first, more=more)
        (answer,) = await bench.store.record([RunRecords(parent.id, 1, ask)])
        assert isinstance(answer, Recorded)
    await bench.store.ack([ack_of(parent, JobState.PENDING, delay_seconds=None, counted=False)])

    node, woken, order = await bench.node(), 0, list[UUID]()
    while children := await bench.claim(node, 1_000, kinds=("child",)):
        order += [child.id for child in children]
        acked = await bench.store.ack([ack_of(child, output="1") for child in children])
        woken += await bench.store.wake(acked.parents)

    assert order == [job.id for job in jobs]
    assert woken == 1


async def test_children_of_a_large_map_are_all_cancelled(bench: Bench, tables: Tables) -> None:
    parent, _ = await family(bench, 2_100)

    await bench.store.cancel(parent.id)
    await bench.store.wake([parent.id])

    left = tables.connection.execute(
        "SELECT count(*) FROM job WHERE parent_id IS NOT NULL AND finalized_at IS NULL"
        " AND cancel_requested_at IS NULL"
    ).fetchall()
    assert left == [(0,)]
