"""Several that look at a graph at once, and those who hold what they want."""

from __future__ import annotations

from uuid import UUID

import trio

from actors.store.protocol import Retention
from runtime import sql
from runtime.ids import uuid7
from runtime.job import NewJob
from runtime.job_entry import as_json
from runtime.lifecycle import JobState
from tests.store.contract.test_going_on import heard
from tests.store.contract.test_graphs import graph
from tests.store.harness import Bench, ack_of
from tests.store.postgres.test_workflow_races import end
from tests.store.tables import Tables

A, C, P = JobState.AVAILABLE, JobState.COMPLETED, JobState.PENDING


async def test_two_last_jobs_that_end_at_once_let_begin_what_comes_after_both(
    bench: Bench, tables: Tables
) -> None:
    family = await graph(bench, "abc", {"c": "ab"})
    first, second = await bench.claim(await bench.node(), kinds=("child",))
    with tables.rival() as one, tables.rival() as other:
        end(one, first)
        end(other, second)
        await bench.store.wake([family.parent.id])
        one.commit()
        await bench.store.wake([family.parent.id])  # sees the one alone
        assert (await family.states())[2] is P
        other.commit()
    await bench.store.wake([family.parent.id])
    assert await family.states() == [C, C, A]


async def test_many_look_at_once_and_each_job_begins_once(bench: Bench) -> None:
    family = await graph(bench, "abcdef", {"cde": "ab", "f": "cde"})
    claimed = await bench.claim(await bench.node(), kinds=("child",))
    await bench.store.ack([ack_of(job) for job in claimed])
    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(bench.store.wake, [family.parent.id])
    assert await family.states() == [C, C, A, A, A, P]


def rooted(tables: Tables) -> tuple[UUID, UUID]:
    """A graph of a client's, of one job: its root, and the job."""
    root, job = uuid7(), uuid7()
    jobs = as_json([NewJob(id=job, kind="child")])
    text = f'{{"id":"{root}","mode":"finish","jobs":{jobs},"after":[]}}'
    statement = sql.load("client_enqueue_graph").replace("$1", "%s")
    assert tables.connection.execute(statement.encode(), [text]).fetchone() == (True,)
    return root, job


async def test_who_holds_a_root_is_not_waited_for(bench: Bench, tables: Tables) -> None:
    root, _ = rooted(tables)
    await bench.store.ack(
        [ack_of(each) for each in await bench.claim(await bench.node(), kinds=("child",))]
    )
    with tables.rival() as rival:
        rival.execute("SELECT FROM job WHERE id = %s FOR UPDATE", [root])
        with trio.fail_after(5):
            await bench.store.wake([root])
        assert await bench.state(root) is P
    assert await bench.store.sweep_waits(10) == 1
    assert await bench.state(root) is C


async def test_jobs_of_a_graph_are_kept_as_long_as_its_root(bench: Bench, tables: Tables) -> None:
    root, job = rooted(tables)
    await bench.store.ack(
        [ack_of(each) for each in await bench.claim(await bench.node(), kinds=("child",))]
    )
    tables.pass_time(100)
    await bench.store.wake([root])
    keep = Retention(completed_seconds=50, cancelled_seconds=50, discarded_seconds=50)
    assert await bench.store.prune(keep, 10) == 0
    tables.pass_time(100)
    assert await bench.store.prune(keep, 10) == 1
    assert await bench.store.prune(keep, 10) == 1
    assert tables.connection.execute("SELECT id FROM job WHERE id = %s", [job]).fetchall() == []
    assert tables.connection.execute("SELECT FROM step").fetchall() == []


async def test_who_resumes_a_job_of_a_graph_has_the_graph_looked_at(bench: Bench) -> None:
    family = await graph(bench, "ab", {"b": "a"})
    await bench.store.pause_job(family.id("b"))
    await family.end("a")
    async with bench.store.listen() as listening:
        await bench.store.resume_job(family.id("b"))
        while await heard(listening) != family.parent.id:
            pass
