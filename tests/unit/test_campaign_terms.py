"""Two leaders at once are seen, whichever way they show; failovers and lateness are measured."""

from __future__ import annotations

from typing import Literal

import attrs
import pytest

from scripts.campaigns.migrators import Said
from scripts.campaigns.plans import indexes_in, parameters_in
from scripts.campaigns.terms import Note, Tenure, failovers, lateness, tenures, wrong

ONE, TWO = 11, 22


def term(at: float, number: int, holder: int | None, until: float) -> Note:
    return Note("term", holder, at, at, number, holder, until)


def act(
    at: float, pid: int, number: int, what: Literal["staged", "pruned"] = "staged", due: float = 0.0
) -> Note:
    return Note(what, pid, at, at, number, pid, at + 10, due or at - 0.1)


# The first prolongs its term once, and is killed at 5; the second begins when that is over.
GOOD = (
    term(1.0, 1, ONE, 11.0),
    act(2.0, ONE, 1),
    term(4.0, 1, ONE, 14.0),
    act(4.5, ONE, 1, "pruned"),
    term(14.1, 2, TWO, 24.1),
    act(14.2, TWO, 2, due=6.0),
)
LOGS = {
    ONE: "10:00:01.000 info    leader, term 1\n",
    TWO: "10:00:14.000 info    leader, term 2\n10:00:15.000 info    no longer leader, term 1: lost",
}


def test_one_leader_after_the_other_is_as_it_should_be() -> None:
    assert list(wrong(GOOD, LOGS)) == []
    assert tenures(GOOD) == [Tenure(1, ONE, 1.0, 14.0), Tenure(2, TWO, 14.1, 24.1)]


def test_a_term_that_was_taken_away_ends_then() -> None:
    notes = (*GOOD[:2], term(3.0, 1, None, 3.0), term(3.5, 2, TWO, 13.5))
    assert tenures(notes) == [Tenure(1, ONE, 1.0, 3.0), Tenure(2, TWO, 3.5, 13.5)]
    assert list(wrong(notes, {})) == []


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ((*GOOD[:4], term(13.0, 2, TWO, 23.0)), "term 2 began 1.000 s before the last one ended"),
        ((*GOOD[:4], term(14.1, 1, TWO, 24.1)), "term 1 was given to a second node"),
        ((*GOOD, act(15.0, ONE, 2)), "process 11 staged a job 1.000 s after its term"),
        ((*GOOD, act(15.0, ONE, 2, "pruned")), "process 11 pruned a job 1.000 s after its term"),
        ((*GOOD, act(15.0, 33, 2)), "process 33 staged a job without ever leading"),
    ],
)
def test_two_leaders_at_once_are_seen(notes: tuple[Note, ...], told: str) -> None:
    assert [text for text in wrong(notes, LOGS) if told in text] != []


def test_a_statement_that_began_before_the_term_s_end_was_committed_is_the_leader_s() -> None:
    assert list(wrong((*GOOD[:4], act(14.05, ONE, 1)), LOGS)) == []


def test_a_term_in_two_logs_is_seen() -> None:
    (text,) = wrong(GOOD, LOGS | {33: "leader, term 2\n"})
    assert text == "the processes [22, 33] all say that term 2 is theirs"


def test_a_failover_lasts_until_the_next_leader_has_done_something() -> None:
    assert failovers(GOOD, [5.0]) == [pytest.approx(9.2)]
    assert failovers(GOOD[:-1], [5.0]) == [None]
    deposed = attrs.evolve(act(14.15, ONE, 2), holder=TWO)
    assert failovers((*GOOD[:-1], deposed), [5.0]) == [None]


def test_lateness_is_from_the_due_time_to_the_staging() -> None:
    assert lateness(GOOD) == [pytest.approx(0.1), pytest.approx(8.2)]
    assert lateness(GOOD, [(5.0, 14.2)]) == [pytest.approx(0.1)]


def test_the_indexes_of_a_plan_are_found() -> None:
    plan = '[{"Plan": {"Node Type": "Limit", "Plans": [{"Index Name": "job_claim"}]}}]'
    assert indexes_in(plan) == {"job_claim"}
    assert parameters_in("$1, $2, $2") == 2


def test_a_migrator_s_steps_are_what_it_told_if_it_came_to_its_end() -> None:
    told = '[{"version": 4, "name": "job_claim", "how": "rebuilt", "seconds": 0.1, "sql": ""}]'
    assert Said(0, told, "").steps == [(4, "rebuilt")]
    assert Said(-9, "", "").steps == []
