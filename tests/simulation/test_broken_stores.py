"""That the simulation finds what it is there to find: databases broken on purpose are caught."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest

from actors.store.memory import MemoryStore
from tests.simulation import broken
from tests.simulation.simulation import simulate

pytestmark = pytest.mark.untraced

# Most are caught by the first.
WITHIN_SEEDS = 30

_DEATHS: Mapping[str, object] = {
    "faults": ("kill node",),
    "kinds": ("long",),
    "pause_seconds": 1.0,
    "seconds": 4.0,
    "patience_seconds": 60.0,
}
_LOST_ANSWERS: Mapping[str, object] = {
    "faults": (),
    "chances": {"refuse": 0.0, "lose answer": 0.2, "withhold": 0.0, "linger": 0.0},
    "patience_seconds": 60.0,
}
_FAIR: Mapping[str, object] = {
    "faults": (),
    "jobs": 20,
    "seconds": 4.0,
    "patience_seconds": 60.0,
}
_FLOWS: Mapping[str, object] = {**_FAIR, "kinds": ("flow", "plain flow")}


@attrs.frozen
class Case:
    """What a defect shows as, and in which weather: one in which it is met soon."""

    kinds: frozenset[str]
    weather: Mapping[str, object]


CASES: dict[type[MemoryStore], Case] = {
    broken.ClaimTwice: Case(frozenset({"double_runs"}), _FAIR),
    broken.RescueEarly: Case(
        frozenset({"double_runs"}), {**_FAIR, "kinds": ("long",), "lease_seconds": 4.0}
    ),
    broken.ReleaseForgets: Case(frozenset({"lost"}), _LOST_ANSWERS),
    broken.RescueUncounted: Case(frozenset({"unexplained", "attempts"}), _DEATHS),
    broken.EnqueueTwice: Case(
        frozenset({"double_outcomes", "attempts", "unexplained"}), _LOST_ANSWERS
    ),
    broken.EnqueueForgets: Case(frozenset({"lost"}), _FAIR),
    broken.CancelForgets: Case(frozenset({"failing"}), {**_FAIR, "cancels": True}),
    broken.RecordForgets: Case(frozenset({"failing", "unrecorded"}), _FLOWS),
    broken.WakeForgets: Case(frozenset({"lost"}), _FLOWS),
}


@pytest.mark.parametrize("store", CASES, ids=lambda store: store.__name__)
def test_a_broken_database_is_caught(store: type[MemoryStore]) -> None:
    case = CASES[store]
    for seed in range(WITHIN_SEEDS):
        report = simulate(seed, store, **case.weather)
        if {violation.kind for violation in report.violations} & case.kinds:
            return
    raise AssertionError(f"not caught within {WITHIN_SEEDS} seeds")
