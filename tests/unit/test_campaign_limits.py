"""The checks of the campaign `limits` find what they are there to find."""

from __future__ import annotations

from uuid import UUID

import pytest

from runtime import Rate
from scripts.campaigns.history import Fault, Run
from scripts.campaigns.limits import (
    BOUNDED,
    ORDERED,
    Asked,
    most_at_once,
    out_of_order,
    over_limit,
    over_rate,
)


def run(job: int, begun: float, ended: float | None, number: int = 1, pid: int = 1) -> Run:
    return Run(UUID(int=job), number, pid, begun, ended)


def asked(queue: str, *keys: str) -> dict[UUID, Asked]:
    return {UUID(int=n): Asked(queue, key, n) for n, key in enumerate(keys)}


def test_what_overlaps_is_counted_and_what_touches_is_not() -> None:
    assert most_at_once([(0, 2), (2, 4), (1, 3)]) == 2
    assert most_at_once([(0, 9), (1, 2), (3, 4), (3.5, 5)]) == 3


def test_two_runs_of_a_key_at_once_are_found() -> None:
    jobs = asked(BOUNDED, "a", "a", "b")
    assert over_limit([run(0, 0, 2), run(1, 2, 3), run(2, 0, 9)], [], jobs) == []
    (found,) = over_limit([run(0, 0, 2), run(1, 1, 3)], [], jobs)
    assert "2 runs of a" in found


def test_a_killed_run_counts_until_its_kill() -> None:
    jobs = asked(BOUNDED, "a", "a")
    kill = [Fault("child", 5.0, frozenset({7}))]
    assert over_limit([run(0, 0, None, pid=7), run(1, 6, 8)], kill, jobs) == []
    assert over_limit([run(0, 0, None, pid=7), run(1, 4, 8)], kill, jobs) != []


def test_too_many_of_the_queue_at_once_are_found() -> None:
    jobs = asked(BOUNDED, *"abcd")
    (found,) = over_limit([run(n, 0, 1) for n in range(4)], [], jobs)
    assert "4 runs of bounded" in found


@pytest.mark.parametrize(("times", "bad"), [((0, 0, 0.5, 1.0), False), ((0, 0.1, 0.5, 0.9), True)])
def test_more_beginnings_than_a_rate_allows_are_found(times: tuple[float], bad: bool) -> None:
    assert bool(over_rate(times, Rate(2, per=1.0, burst=2))) is bad


def test_a_job_that_did_not_wait_for_the_one_in_front_is_found() -> None:
    jobs = asked(ORDERED, "a", "a", "b")
    fine = [run(0, 0, 1), run(0, 2, 3, 2), run(1, 3, 4), run(2, 0, 9)]
    assert out_of_order(fine, jobs) == []
    assert out_of_order([run(0, 0, 1), run(0, 3, 4, 2), run(1, 2, 2.5)], jobs) != []
