"""That the simulation finds what it is there to find: databases broken on purpose are caught."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest

from actors.store.memory import MemoryStore
from tests.simulation import broken
from tests.simulation.simulation import simulate

# Nodes that lose their leases while they run something, and go on later.
_ZOMBIES: Mapping[str, object] = {
    "faults": ("stop node", "cut off node"),
    "kinds": ("long",),
    "pause_seconds": 1.0,
    "seconds": 15.0,
}
_DEATHS: Mapping[str, object] = {
    "faults": ("kill node",),
    "kinds": ("long",),
    "pause_seconds": 1.0,
    "seconds": 4.0,
    "patience_seconds": 100.0,
}
_LOST_ANSWERS: Mapping[str, object] = {
    "faults": (),
    "chances": {"refuse": 0.0, "lose answer": 0.2, "withhold": 0.0, "linger": 0.0},
    "patience_seconds": 100.0,
}
_FAIR: Mapping[str, object] = {"faults": (), "patience_seconds": 100.0}


@attrs.frozen
class Case:
    """What a defect shows as, in the simulation of which seed, in which weather.

    In its weather each is caught by one of the first seven seeds; the seed is the first that does.
    """

    kinds: frozenset[str]
    weather: Mapping[str, object]
    seed: int = 0


CASES: dict[type[MemoryStore], Case] = {
    broken.AckWithoutFence: Case(
        frozenset({"double_outcomes", "double_runs", "wrong_outcome"}), _ZOMBIES, 6
    ),
    broken.ClaimTwice: Case(frozenset({"double_runs"}), _FAIR),
    broken.RescueEarly: Case(
        frozenset({"double_runs"}), {**_FAIR, "kinds": ("long",), "lease_seconds": 4.0}, 1
    ),
    broken.ReleaseForgets: Case(frozenset({"lost"}), _LOST_ANSWERS),
    broken.AckForgets: Case(frozenset({"lost"}), _FAIR),
    broken.RescueForgets: Case(frozenset({"lost"}), _DEATHS),
    broken.RescueUncounted: Case(frozenset({"unexplained", "attempts"}), _DEATHS),
    broken.StageForgets: Case(frozenset({"lost"}), _FAIR),
    broken.EnqueueTwice: Case(
        frozenset({"double_outcomes", "attempts", "unexplained"}), _LOST_ANSWERS
    ),
    broken.EnqueueForgets: Case(frozenset({"lost"}), _FAIR),
    broken.CancelForgets: Case(frozenset({"failing"}), {**_FAIR, "cancels": True}),
}


@pytest.mark.parametrize("store", CASES, ids=lambda store: store.__name__)
def test_a_broken_database_is_caught(store: type[MemoryStore]) -> None:
    case = CASES[store]
    report = simulate(case.seed, store, **case.weather)

    assert {violation.kind for violation in report.violations} & case.kinds
