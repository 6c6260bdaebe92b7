"""A firing that is lost, doubled or off its grid is seen, wherever it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.campaigns.firings import Firing, Grid, wrong

GRID = Grid("s", first_us=1_000_000, next_us=3_000_000, interval_us=200_000)
GOOD = [Firing("s", at, 0.01) for at in range(1_000_000, 3_000_000, 200_000)]

Mutate = Callable[[list[Firing]], list[Firing]]


def kinds(firings: list[Firing]) -> list[str]:
    return [kind for kind, _ in wrong([GRID], firings)]


def test_a_good_history_has_nothing_wrong_in_any_order() -> None:
    assert kinds(GOOD) == kinds(GOOD[::-1]) == []


@pytest.mark.parametrize(
    ("mutate", "found"),
    [
        (lambda good: good[1:], ["lost_firing"]),
        (lambda good: good[:-1], ["lost_firing"]),
        (lambda good: good[:4] + good[6:], ["lost_firing"] * 2),
        (lambda good: [], ["lost_firing"] * 10),
        (lambda good: [*good, good[3]], ["double_firing"]),
        (lambda good: [*good, Firing("s", 1_000_001, 0.0)], ["stray_firing"]),
        (lambda good: [*good, Firing("s", 3_000_000, 0.0)], ["stray_firing"]),
        (lambda good: [*good, Firing("other", 1_000_000, 0.0)], ["stray_firing"]),
        (
            lambda good: [*good[:2], Firing("s", good[2].at_us + 1, 0.0), *good[3:]],
            ["lost_firing", "stray_firing"],
        ),
    ],
)
def test_what_was_made_wrong_is_found(mutate: Mutate, found: list[str]) -> None:
    assert kinds(mutate(GOOD)) == found
