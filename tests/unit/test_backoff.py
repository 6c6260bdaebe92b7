"""runtime.backoff."""

from __future__ import annotations

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import DEFAULT_BACKOFF, MAX_DELAY_SECONDS, Backoff, constant, exponential

policies = st.builds(
    Backoff,
    base_seconds=st.floats(0, 1e6),
    power=st.floats(0, 10),
    factor=st.floats(1, 100),
    offset_seconds=st.floats(0, 1e6),
    max_seconds=st.floats(0, 1e7),
    jitter=st.floats(0, 1),
)


def test_the_default_is_the_fourth_power_of_the_attempt() -> None:
    delays = [DEFAULT_BACKOFF.delay_seconds(attempt) for attempt in range(1, 6)]

    assert delays == [1, 16, 81, 256, 625]


def test_the_default_spreads_by_a_tenth_either_way() -> None:
    assert math.isclose(DEFAULT_BACKOFF.delay_seconds(2, 1.0), 17.6)
    assert math.isclose(DEFAULT_BACKOFF.delay_seconds(2, -1.0), 14.4)


def test_the_25_attempts_of_the_default_take_three_weeks() -> None:
    total = sum(DEFAULT_BACKOFF.delay_seconds(attempt) for attempt in range(1, 25))

    assert 20 < total / 86_400 < 24


def test_an_exponential_policy_doubles_up_to_its_maximum() -> None:
    policy = exponential(base_seconds=2.0, factor=2.0, max_seconds=30.0)

    assert [policy.delay_seconds(attempt) for attempt in range(1, 6)] == [2, 4, 8, 16, 30]


def test_a_constant_policy_waits_the_same() -> None:
    policy = constant(7.5)

    assert [policy.delay_seconds(attempt, 1.0) for attempt in (1, 2, 100)] == [7.5] * 3


def test_an_offset_is_added_to_each_delay() -> None:
    policy = Backoff(base_seconds=1.0, power=1.0, offset_seconds=10.0)

    assert [policy.delay_seconds(attempt) for attempt in (1, 2, 3)] == [11, 12, 13]


@given(policies, st.integers(1, 32_000), st.floats(-1, 1))
def test_a_delay_is_a_number_between_nothing_and_the_maximum(
    policy: Backoff, attempt: int, spread: float
) -> None:
    delay = policy.delay_seconds(attempt, spread)

    assert isinstance(delay, float)
    assert 0 <= delay <= policy.max_seconds


@given(policies, st.integers(1, 100))
def test_delays_do_not_shrink(policy: Backoff, attempt: int) -> None:
    assert policy.delay_seconds(attempt) <= policy.delay_seconds(attempt + 1)


def test_what_overflows_is_the_maximum() -> None:
    policy = Backoff(base_seconds=1.0, power=4.0, factor=1000.0, jitter=0.0)

    assert policy.delay_seconds(32_000) == MAX_DELAY_SECONDS


@given(policies)
def test_a_policy_crosses_the_wire(policy: Backoff) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(policy), type=Backoff) == policy
