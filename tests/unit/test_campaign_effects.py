"""A workflow that is lost, changed, or done twice is seen, and so is a step of it."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from scripts.campaigns.effects import Effect, Effects, Flow, read_effects, wrong

# Job a did its first step twice, as it died before the first was recorded; b is undisturbed.
GOOD = Effects(
    flows=(
        Flow("a", "completed", {"lines": 3}, {"lines": 3}, True),
        Flow("b", "completed", 1, 1, True),
    ),
    done=(
        Effect("a", "list", "t1"),
        Effect("b", "list", "t2"),
        Effect("a", "list", "t3"),
        Effect("a", "enter", "t4"),
        Effect("b", "enter", "t5"),
    ),
    recorded={
        ("a", "list"): "t3",
        ("b", "list"): "t2",
        ("a", "enter"): "t4",
        ("b", "enter"): "t5",
    },
    ledger=(("a", "t4"), ("b", "t5")),
)

Mutate = Callable[[Effects], Effects]


def kinds(effects: Effects) -> list[str]:
    return [kind for kind, _ in wrong(effects)]


def with_flow(flow: Flow) -> Mutate:
    return lambda good: attrs.evolve(good, flows=(flow, *good.flows[1:]))


def with_recorded(place: tuple[str, str], token: str) -> Mutate:
    return lambda good: attrs.evolve(good, recorded={**good.recorded, place: token})


def with_done(*effects: Effect) -> Mutate:
    return lambda good: attrs.evolve(good, done=(*good.done, *effects))


def with_ledger(*entries: tuple[str, str]) -> Mutate:
    return lambda good: attrs.evolve(good, ledger=entries)


def test_what_was_done_again_before_it_was_recorded_is_well() -> None:
    assert kinds(GOOD) == []


@pytest.mark.parametrize(
    ("mutate", "found"),
    [
        (with_flow(Flow("a", "running", None, {"lines": 3}, True)), ["lost_workflow"]),
        (with_flow(Flow("a", "discarded", None, {"lines": 3}, True)), ["lost_workflow"]),
        (with_flow(Flow("a", "completed", {"lines": 4}, {"lines": 3}, True)), ["report"]),
        (with_recorded(("a", "list"), "t1"), ["again"]),
        (with_done(Effect("b", "list", "t9")), ["again"]),
        (with_done(Effect("b", "rest", "t9")), ["uncommitted"]),
        (with_recorded(("b", "list"), "t9"), ["uncommitted"]),
        (with_recorded(("b", "rest"), "t9"), ["uncommitted"]),
        (with_ledger(("a", "t4")), ["ledger"]),
        (with_ledger(("a", "t4"), ("b", "t5"), ("b", "t5")), ["ledger"]),
        (with_ledger(("a", "t4"), ("b", "t6")), ["ledger"]),
        (with_ledger(*GOOD.ledger, ("c", "t7")), ["ledger"]),
    ],
)
def test_what_was_made_wrong_is_found(mutate: Mutate, found: list[str]) -> None:
    assert kinds(mutate(GOOD)) == found


def test_lines_of_a_trace_are_read() -> None:
    assert read_effects(["t1 a list", "t2 b enter"]) == [
        Effect("a", "list", "t1"),
        Effect("b", "enter", "t2"),
    ]
