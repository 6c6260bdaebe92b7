"""The dice of the campaign `network`."""

from __future__ import annotations

import random
from collections.abc import Sequence

from scripts.campaigns.storm import (
    CLIENT_MOMENTS,
    LONG,
    NODE_MOMENTS,
    WEIGHTS,
    Strike,
    What,
    throw,
)
from scripts.campaigns.weather import FAIR

NODES, LEASE = 2, 3.0


def strikes(
    seed: int, apart: Sequence[int] = (1,), whats: Sequence[What] = tuple(WEIGHTS)
) -> list[Strike]:
    dice = random.Random(seed)
    return [throw(dice, whats, nodes=NODES, apart=apart, lease=LEASE) for _ in range(500)]


def test_a_seed_gives_the_same_strikes_again() -> None:
    assert strikes(1) == strikes(1) != strikes(2)


def test_everything_comes() -> None:
    seen = strikes(3)
    assert {each.what for each in seen} == set(WEIGHTS)
    assert {each.moment for each in seen} == {"", *NODE_MOMENTS, *CLIENT_MOMENTS}
    assert {each.whom for each in seen} == {0, 1, NODES}
    assert {each.end for each in seen} == {"flow", "reset", "forget"}
    assert {each.refusing for each in seen} == {each.after for each in seen} == {True, False}


def test_only_what_may_come_comes() -> None:
    assert {each.what for each in strikes(4, apart=())} == set(WEIGHTS) - {"cut"}
    assert {each.what for each in strikes(4, whats=["delay"])} == {"delay"}


def test_a_node_is_cut_off_for_longer_than_its_lease_and_the_others_less() -> None:
    for each in strikes(5):
        assert (each.seconds > LEASE) is (each.what in LONG)
        assert each.whom < NODES or each.what not in LONG
        assert each.whole or each.what not in LONG


def test_only_the_kernel_cuts_nodes_that_have_a_network_of_its_own() -> None:
    assert {each.whom for each in strikes(6, apart=(1,)) if each.what == "cut"} == {1}


def test_a_party_is_struck_at_moments_that_it_has() -> None:
    for each in strikes(7):
        assert each.moment in {"", *(CLIENT_MOMENTS if each.whom == NODES else NODE_MOMENTS)}
        assert each.weather != FAIR
        assert (each.weather is None) is (each.what in ("reset", "cut"))
