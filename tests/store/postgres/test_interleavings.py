"""Two sessions that meet on a job: every pair of statements, in both orders, with both ends.

The first does its statement in a transaction that stays open; the second does its own, and is
seen to end, or to be blocked by the first. Then the first commits or rolls back. What both answer
and what becomes of the job is compared with the model, put to the same in the order that `meetings`
says. No clock decides anything: a third session looks until the second has ended or is blocked.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from actors.store.postgres import session_of
from runtime import sql
from tests.store.machine.model import Model
from tests.store.machine.rows import JobRow
from tests.store.postgres.meetings import (
    ACTIONS,
    JOB,
    MEETINGS,
    NODE_IDS,
    SITUATIONS,
    Action,
    Meeting,
    meetings,
)
from tests.store.tables import NAMESPACE, Tables

# Looks, a millisecond apart, until the second session must have ended or be blocked.
MOST_LOOKS = 20_000

Rows = list[dict[str, Any]]


class Session:
    """A session with the Store's settings, whose statements may be waited for."""

    def __init__(self, url: str, *, autocommit: bool) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        for name, value in session_of(NAMESPACE).items():
            self.connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        self.connection.autocommit = autocommit
        self.pid = self.connection.info.backend_pid
        self._thread = ThreadPoolExecutor(max_workers=1)

    def run(self, statement: str, *values: Any) -> Rows:
        """One of the Store's statements."""
        cursor = psycopg.RawCursor(self.connection, row_factory=dict_row)
        return cursor.execute(sql.load(statement).encode(), values).fetchall()

    def start(self, statement: str, *values: Any) -> Future[Rows]:
        """The same, in the background."""
        return self._thread.submit(self.run, statement, *values)

    def close(self) -> None:
        self._thread.shutdown()
        self.connection.close()


class Stage:
    """Two sessions that meet, and one that looks on."""

    def __init__(self, tables: Tables) -> None:
        self.look_on = tables.connection
        self.first = Session(tables.url, autocommit=False)
        self.second = Session(tables.url, autocommit=True)

    def is_blocked(self, asked: Future[Rows]) -> bool:
        """Once the second has ended, or is blocked by the first: which it is."""
        for _ in range(MOST_LOOKS):
            if asked.done():
                return False
            row = self.look_on.execute(
                "SELECT %s = ANY (pg_blocking_pids(%s))", [self.first.pid, self.second.pid]
            ).fetchone()
            if row == (True,):
                return True
            time.sleep(0.001)
        raise AssertionError("the second session neither ended nor was blocked")

    def set(self, model: Model) -> None:
        """Write a situation's rows, in place of all others."""
        with self.look_on.transaction():
            self.look_on.execute("DELETE FROM failure")
            self.look_on.execute("DELETE FROM job")
            self.look_on.execute("DELETE FROM node")
            for member in model.members.by_name.values():
                self.look_on.execute(_NODE, [member.id, member.name, member.expires_at])
            for job in model.jobs.values():
                self.look_on.execute(_JOB, _columns(job))

    def job(self) -> tuple[Any, ...] | None:
        """What became of the job, in the form of `shape`."""
        return self.look_on.execute(_SHAPE, [JOB]).fetchone()

    def close(self) -> None:
        self.first.close()
        self.second.close()


_NODE = """
INSERT INTO node (
    id, name, host, boot_id, pid, pid_started, version, queues, workers, expires_at
) OVERRIDING SYSTEM VALUE
VALUES (%s, %s, 'h', 'b', 1, '0', '0', '{q}', 1, now() + make_interval(secs => %s))
"""
_JOB = """
INSERT INTO job (
    id, kind, queue, state, attempt, run_number, max_attempts, node_id, output,
    created_at, scheduled_at, attempted_at, finalized_at, cancel_requested_at
)
VALUES (
    %s, %s, %s, %s, %s, %s, %s, %s, to_jsonb(%s::int), now() + make_interval(secs => %s),
    now() + make_interval(secs => %s), now() + make_interval(secs => %s),
    now() + make_interval(secs => %s), now() + make_interval(secs => %s)
)
"""
_SHAPE = """
SELECT
    job.state::text, job.attempt, job.run_number, job.max_attempts, node.name, job.output,
    job.scheduled_at > now(), job.scheduled_at < now() - interval '30 s',
    job.finalized_at IS NOT NULL, job.cancel_requested_at IS NOT NULL,
    ARRAY(
        SELECT failure.error_class FROM failure WHERE failure.job_id = job.id
        ORDER BY failure.run_number DESC
    )
FROM job LEFT JOIN node ON node.id = job.node_id
WHERE job.id = %s
"""


def _columns(job: JobRow) -> list[Any]:
    return [
        job.id,
        job.kind,
        job.queue,
        job.state.value,
        job.attempt,
        job.run_number,
        job.max_attempts,
        None if job.node is None else NODE_IDS[job.node],
        job.output,
        job.created_at,
        job.scheduled_at,
        job.attempted_at,
        job.finalized_at,
        job.cancel_requested_at,
    ]


def shape(model: Model) -> tuple[Any, ...] | None:
    """The job, without its exact times: when it may run is later, some time ago, or now."""
    job = model.jobs.get(JOB)
    if job is None:
        return None
    return (
        job.state.value,
        job.attempt,
        job.run_number,
        job.max_attempts,
        job.node,
        job.output,
        job.scheduled_at > model.now,
        job.scheduled_at < model.now - 30,
        job.finalized_at is not None,
        job.cancel_requested_at is not None,
        [failure[2] for failure in job.failures],
    )


def expected(meeting: Meeting, *, commits: bool) -> tuple[Any, ...]:
    """Whether the second waits, what both answer, and the job at the end."""
    first, second = ACTIONS[meeting.first], ACTIONS[meeting.second]
    start = SITUATIONS[meeting.situation]
    after_first = copy.deepcopy(start)
    answer = first.model(after_first)
    model = after_first if commits else copy.deepcopy(start)
    if meeting.how == "waits":
        other = second.model(model)
    elif meeting.how == "skips":
        other = 0
    else:
        alone = copy.deepcopy(start)
        other = second.model(alone)
        changes = [changed for changed in (model, alone) if shape(changed) != shape(start)]
        assert len(changes) <= 1, f"{meeting}: both change the job"
        model = changes[0] if changes else model
    return meeting.how == "waits", int(answer), int(other), shape(model)


def meet(stage: Stage, first: Action, second: Action, *, commits: bool) -> tuple[Any, ...]:
    """The same of PostgreSQL."""
    answer = first.count(stage.first.run(first.statement, *first.values))
    asked = stage.second.start(second.statement, *second.values)
    blocked = stage.is_blocked(asked)
    if commits:
        stage.first.connection.commit()
    else:
        stage.first.connection.rollback()
    other = second.count(asked.result(timeout=20))
    return blocked, answer, other, stage.job()


@pytest.fixture
def stage(tables: Tables) -> Iterator[Stage]:
    stage = Stage(tables)
    yield stage
    stage.close()


@pytest.mark.parametrize("situation", MEETINGS)
def test_two_that_meet_on_a_job_end_as_one_after_the_other(stage: Stage, situation: str) -> None:
    wanted: dict[str, tuple[Any, ...]] = {}
    seen: dict[str, tuple[Any, ...]] = {}
    for meeting in meetings(situation):
        for commits in (True, False):
            case = f"{meeting}, which {'commits' if commits else 'rolls back'}"
            stage.set(SITUATIONS[situation])
            wanted[case] = expected(meeting, commits=commits)
            first, second = ACTIONS[meeting.first], ACTIONS[meeting.second]
            seen[case] = meet(stage, first, second, commits=commits)
    assert seen == wanted


@pytest.mark.parametrize(
    ("situation", "action"),
    [("available", "claim"), ("lost", "rescue"), ("due", "stage"), ("old", "prune")],
)
def test_what_was_skipped_is_found_by_the_next(stage: Stage, situation: str, action: str) -> None:
    """If nobody changed it after all."""
    one = ACTIONS[action]
    stage.set(SITUATIONS[situation])
    assert meet(stage, one, one, commits=False)[:3] == (False, 1, 0)

    assert one.count(stage.second.run(one.statement, *one.values)) == 1


def test_a_claim_neither_waits_for_a_pause_nor_holds_one_up(stage: Stage) -> None:
    """It sees the queue as it was when it began."""
    claim = ACTIONS["claim"]
    for commits in (True, False):
        stage.set(SITUATIONS["available"])
        stage.look_on.execute("DELETE FROM queue")
        pause = Action("pause", (["q"],), len, lambda model: 0)

        assert meet(stage, pause, claim, commits=commits)[:3] == (False, 1, 1)

        stage.set(SITUATIONS["available"])
        paused = commits
        assert claim.count(stage.second.run(claim.statement, *claim.values)) == (not paused)
        stage.set(SITUATIONS["available"])
        stage.look_on.execute("DELETE FROM queue")
        assert meet(stage, claim, pause, commits=commits)[:3] == (False, 1, 1)


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize(
    ("before", "first", "second", "blocked", "paused"),
    [
        # (paused before; ...; whether paused in the end: if the first commits, if it rolls back)
        (False, "pause", "pause", True, (True, True)),
        (True, "pause", "resume", True, (False, False)),
        (True, "resume", "pause", True, (True, True)),
        (True, "resume", "resume", True, (False, False)),
    ],
)
def test_pause_and_resume_happen_one_after_the_other(
    stage: Stage,
    before: bool,
    first: str,
    second: str,
    blocked: bool,
    paused: tuple[bool, bool],
    commits: bool,
) -> None:
    stage.look_on.execute(
        "INSERT INTO queue (name, paused_at) VALUES ('q', CASE WHEN %s THEN now() END)", [before]
    )
    verbs = {
        "pause": Action("pause", (["q"],), len, lambda model: 0),
        "resume": Action("resume", ("q",), len, lambda model: 0),
    }

    assert meet(stage, verbs[first], verbs[second], commits=commits)[0] is blocked

    (row,) = stage.look_on.execute("SELECT paused_at IS NOT NULL FROM queue").fetchall()
    assert row == (paused[0] if commits else paused[1],)
