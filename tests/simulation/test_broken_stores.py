"""That the simulation finds what it is there to find: databases broken on purpose are caught."""

from __future__ import annotations

import pytest

from actors.store.memory import MemoryStore
from tests.simulation import broken
from tests.simulation.simulation import simulate

# Each is caught by one of its first so many seeds.
WITHIN_SEEDS = 30

# By defect: what of it is seen, at least one of these.
CAUGHT_AS: dict[type[MemoryStore], set[str]] = {
    broken.AckWithoutFence: {"double_outcomes", "double_runs", "unexplained", "wrong_outcome"},
    broken.ClaimTwice: {"double_runs"},
    broken.RescueEarly: {"double_runs"},
    broken.ReleaseForgets: {"failing"},
    broken.AckForgets: {"failing", "lost"},
    broken.RescueForgets: {"failing"},
    broken.RescueUncounted: {"unexplained", "attempts"},
    broken.StageForgets: {"failing"},
    broken.EnqueueTwice: {"double_outcomes", "attempts", "unexplained"},
    broken.EnqueueForgets: {"lost"},
    broken.JoinShort: {"double_runs"},
    broken.CancelForgets: {"failing"},
}


@pytest.mark.parametrize("store", CAUGHT_AS, ids=lambda store: store.__name__)
def test_a_broken_database_is_caught(store: type[MemoryStore]) -> None:
    for seed in range(WITHIN_SEEDS):
        found = {violation.kind for violation in simulate(seed, store).violations}
        if found & CAUGHT_AS[store]:
            return
    raise AssertionError(f"not caught within {WITHIN_SEEDS} seeds")
