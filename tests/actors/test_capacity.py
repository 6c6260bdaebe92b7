"""Capacity: how many jobs a Worker holds at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.capacity import ALONE_SECONDS, HORIZON_SECONDS, MAX_HELD, Capacity


def learned(seconds: float, times: int = 50) -> Capacity:
    capacity = Capacity()
    for _ in range(times):
        capacity.observe(seconds)
    return capacity


def test_an_unknown_child_gets_one_job_until_its_first_run_is_measured() -> None:
    assert Capacity().places == 1


@pytest.mark.parametrize(
    ("seconds", "places"), [(0.0, MAX_HELD), (0.001, 78), (0.010, 8), (0.1, 2), (0.9, 2), (1.0, 1)]
)
def test_short_jobs_are_handed_ahead_and_long_ones_are_alone(seconds: float, places: int) -> None:
    assert learned(seconds).places == places


@pytest.mark.parametrize(("seconds", "refill"), [(0.0, 16), (0.001, 16), (0.010, 4), (0.1, 1)])
def test_places_are_filled_when_enough_are_free_for_a_claim(seconds: float, refill: int) -> None:
    assert learned(seconds).refill == refill


def test_one_long_run_changes_the_mind_at_once() -> None:
    capacity = learned(0.000_1)
    capacity.observe(60.0)

    assert capacity.places == 1


def test_after_a_long_run_short_ones_win_their_places_back() -> None:
    capacity = learned(60.0, times=1)
    for _ in range(200):
        capacity.observe(0.000_1)

    assert capacity.places > 50


def test_patience_is_never_shorter_than_the_horizon() -> None:
    assert learned(0.0).patience_seconds == HORIZON_SECONDS
    assert learned(0.1).patience_seconds == pytest.approx(0.3)


@given(st.lists(st.floats(0.0, 3600.0), max_size=50))
def test_places_stay_between_one_and_the_most(durations: list[float]) -> None:
    capacity = Capacity()
    for seconds in durations:
        capacity.observe(seconds)

    assert 1 <= capacity.places <= MAX_HELD
    assert capacity.mean_seconds is None or capacity.mean_seconds >= 0
    assert ALONE_SECONDS > HORIZON_SECONDS
