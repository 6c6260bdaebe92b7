"""What `check` makes of what it finds: each finding from a row that shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from actors.store.protocol import NodeRow, QueueInfo
from runtime.cli.checks import server, work
from runtime.cli.checks.finding import Finding, Level
from runtime.cli.checks.work import WaitingKind

THEN = datetime(2026, 1, 1, tzinfo=UTC)
SOUND = {
    "version": "18.6",
    "version_number": 180_006,
    "database": "d",
    "user": "u",
    "standby": False,
    "autovacuum": True,
    "fsync": True,
    "max_connections": 100,
    "connections": 5,
    "clock": 1000.0,
}


def levels(findings: Any) -> dict[str, Level]:
    return {each.subject: each.level for each in findings}


def judge(**changed: object) -> dict[str, Level]:
    row: Any = SOUND | changed
    return levels(server._judge_server(row, 1000.0))


@pytest.mark.parametrize(
    ("changed", "subject", "level"),
    [
        ({}, "server", Level.OK),
        ({"version_number": 130_012}, "server", Level.PROBLEM),
        ({"standby": True}, "standby", Level.PROBLEM),
        ({"autovacuum": False}, "autovacuum", Level.PROBLEM),
        ({"fsync": False}, "fsync", Level.ADVICE),
        ({"connections": 81}, "connections", Level.ADVICE),
        ({"clock": 1010.0}, "clock", Level.ADVICE),
    ],
)
def test_a_servers_setting_is_judged(
    changed: dict[str, object], subject: str, level: Level
) -> None:
    judged = judge(**changed)
    assert judged.pop(subject) is level
    assert set(judged) <= {"server"}


@pytest.mark.parametrize(
    ("dead", "live", "level"),
    [(9_000, 10, Level.OK), (90_000, 1_000_000, Level.OK), (90_000, 100_000, Level.ADVICE)],
)
def test_a_table_full_of_dead_rows_is_told(dead: int, live: int, level: Level) -> None:
    for vacuumed_at in (None, THEN):
        row: Any = {
            "name": "job",
            "dead": dead,
            "live": live,
            "bytes": 2**20,
            "vacuumed_at": vacuumed_at,
        }
        (finding,) = server._judge_tables([row])
        assert finding.level is level


def queue(name: str = "q", available: int = 1, age: float | None = 1.0) -> QueueInfo:
    return QueueInfo(name, None, available=available, running=0, oldest_age_seconds=age)


def node(*queues: str, live: bool = True) -> NodeRow:
    return NodeRow(1, "n", "h", 1, "0", queues, 2, THEN, THEN, THEN, live, False, 0)


def test_a_queue_is_served_by_living_nodes_alone() -> None:
    assert work_findings([queue()], [node("q")]) == {"nodes": Level.OK}
    assert work_findings([queue(available=0, age=None)], [node("a")]) == {"nodes": Level.OK}
    served_by_the_dead = work_findings([queue()], [node("q", live=False)])
    assert served_by_the_dead == {"nodes": Level.ADVICE, "queue q": Level.ADVICE}


def test_a_job_that_waits_long_although_its_queue_is_served_may_be_of_an_unknown_kind() -> None:
    findings = list(work._judge([queue(age=700.0)], [node("q")]))
    assert findings[1] == Finding(
        "queue q",
        Level.ADVICE,
        "a job has waited for 700 s; 1 wait",
        "add nodes; or no app that is served has a handler of its kind",
    )


def waiting(kind: str, jobs: int = 1, queue: str = "q", *, more: bool = False) -> WaitingKind:
    return WaitingKind(queue, kind, jobs, more)


def serving(*kinds: str, queue: str = "q", live: bool = True) -> NodeRow:
    return attrs.evolve(node(queue, live=live), kinds=kinds or None)


def texts(kinds: list[WaitingKind], *nodes: NodeRow) -> list[str]:
    return [each.text for each in work._judge_kinds(kinds, nodes)]


def test_kinds_that_wait_and_that_no_node_of_their_queue_serves_are_named() -> None:
    kinds = [waiting("a"), waiting("old", 2), waiting("lost", 5), waiting("old", 1, "elsewhere")]
    others = serving("old", "lost", queue="elsewhere"), serving("lost", live=False)
    assert texts(kinds, serving("a", "b"), *others) == [
        "7 available jobs of kinds that no node serves: lost (queue q): 5, old (queue q): 2"
    ]
    assert texts(kinds, serving("a"), serving("old", "lost", queue="*")) == []
    assert texts(kinds, serving("a"), serving()) == [], "one has not said yet what it serves"
    assert texts(kinds) == [], "that nobody serves the queue is said of the queue"


def test_of_many_kinds_that_nobody_serves_ten_are_named() -> None:
    kinds = [waiting(f"k{number}", 1000 - number, more=True) for number in range(12)]
    (text,) = texts(kinds, serving("a"))
    assert text.startswith("at least 11,934 available jobs of kinds that no node serves: k0 ")
    assert text.endswith("k9 (queue q): 991, 2 more")


def work_findings(queues: list[QueueInfo], nodes: list[NodeRow]) -> dict[str, Level]:
    return levels(work._judge(queues, nodes))
