"""The DemandBook: which free places are asked for, in which queues."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.demand import DemandBook
from actors.store.protocol import Demand
from runtime.config.queues import QueueLimit

SYNC = ("a", "b")
ASYNC = ("c",)


def book(*queues: QueueLimit, held: dict[str, int] | None = None) -> DemandBook:
    return DemandBook(queues, Counter(held or {}).__getitem__)


def asked(demand: list[Demand]) -> dict[tuple[str, tuple[str, ...]], int]:
    return {(group.queue, group.kinds): group.places for group in demand}


def test_without_places_nothing_is_asked_for() -> None:
    assert book(QueueLimit("default")).demand({SYNC: 0, ASYNC: 0}) == []


def test_workers_without_kinds_ask_for_nothing() -> None:
    assert book(QueueLimit("default")).demand({(): 4}) == []


def test_places_are_grouped_by_queue_and_kinds() -> None:
    demand = book(QueueLimit("default")).demand({SYNC: 3, ASYNC: 2})

    assert asked(demand) == {("default", SYNC): 3, ("default", ASYNC): 2}


def test_places_are_shared_among_queues_and_the_odd_one_goes_round() -> None:
    shared = book(QueueLimit("x"), QueueLimit("y"))

    first = shared.demand({SYNC: 1})
    assert shared.demand({SYNC: 1}) == first  # asking changes nothing
    shared.charge(first)
    second = shared.demand({SYNC: 1})

    assert {*asked(first), *asked(second)} == {("x", SYNC), ("y", SYNC)}


def test_a_queue_gets_no_more_than_its_local_limit_less_what_is_held() -> None:
    limited = book(QueueLimit("x", 3), held={"x": 2})

    assert asked(limited.demand({SYNC: 10})) == {("x", SYNC): 1}


def test_what_a_limited_queue_may_not_take_goes_to_the_others() -> None:
    limited = book(QueueLimit("x", 1), QueueLimit("y"))
    limited.demand({SYNC: 0})

    total = sum(group.places for group in limited.demand({SYNC: 10}))

    assert total >= 6


def test_groups_of_workers_take_turns_at_the_room_in_a_limited_queue() -> None:
    narrow = book(QueueLimit("x", 1))
    turns = []
    for _ in range(4):
        demand = narrow.demand({SYNC: 10, ASYNC: 10})
        narrow.charge(demand)
        turns.append(asked(demand))

    assert turns == 2 * [{("x", SYNC): 1}, {("x", ASYNC): 1}]


def test_groups_of_workers_share_the_room_in_a_limited_queue() -> None:
    limited = book(QueueLimit("x", 5))

    assert asked(limited.demand({SYNC: 10, ASYNC: 10})) == {("x", SYNC): 3, ("x", ASYNC): 2}
    assert asked(limited.demand({SYNC: 1, ASYNC: 10})) == {("x", SYNC): 1, ("x", ASYNC): 4}
    limited.mark_dry([Demand("x", SYNC, 3)], {}, limited.generation)
    assert asked(limited.demand({SYNC: 10, ASYNC: 10})) == {("x", ASYNC): 5}


def test_a_dry_queue_is_not_asked_until_a_wakeup() -> None:
    one = book(QueueLimit("x"))
    demand = one.demand({SYNC: 5})
    one.mark_dry(demand, {("x", SYNC): 4}, one.generation)
    assert one.demand({SYNC: 5}) == []

    one.wake("x")

    assert asked(one.demand({SYNC: 5})) == {("x", SYNC): 5}


def test_a_full_answer_leaves_the_queue_wet() -> None:
    one = book(QueueLimit("x"))
    demand = one.demand({SYNC: 5})
    one.mark_dry(demand, {("x", SYNC): 5}, one.generation)

    assert one.demand({SYNC: 1}) != []


def test_a_wakeup_during_the_claim_is_not_forgotten() -> None:
    one = book(QueueLimit("x"))
    generation = one.generation
    demand = one.demand({SYNC: 5})
    one.wake("x")
    one.mark_dry(demand, {}, generation)

    assert one.demand({SYNC: 5}) != []


def test_a_wakeup_of_one_queue_leaves_the_others_dry() -> None:
    two = book(QueueLimit("x"), QueueLimit("y"))
    demand = two.demand({SYNC: 4})
    two.mark_dry(demand, {}, two.generation)
    two.wake("y")

    assert [group.queue for group in two.demand({SYNC: 4})] == ["y"]


def test_a_paused_queue_is_not_asked_until_it_is_resumed() -> None:
    two = book(QueueLimit("x"), QueueLimit("y"))
    two.pause("x")
    assert [group.queue for group in two.demand({SYNC: 4})] == ["y"]

    two.resume("*")

    assert {group.queue for group in two.demand({SYNC: 4})} == {"x", "y"}


@given(
    free=st.dictionaries(st.sampled_from([SYNC, ASYNC]), st.integers(0, 50)),
    limits=st.dictionaries(st.sampled_from("pqrs"), st.none() | st.integers(1, 9), min_size=1),
    held=st.dictionaries(st.sampled_from("pqrs"), st.integers(0, 9)),
)
def test_demand_never_exceeds_places_or_limits(
    free: dict[tuple[str, ...], int], limits: dict[str, int | None], held: dict[str, int]
) -> None:
    queues = [QueueLimit(name, limit) for name, limit in limits.items()]
    demand = book(*queues, held=held).demand(free)

    by_kinds = Counter[tuple[str, ...]]()
    by_queue = Counter[str]()
    for group in demand:
        assert group.places > 0
        by_kinds[group.kinds] += group.places
        by_queue[group.queue] += group.places
    assert all(by_kinds[kinds] <= places for kinds, places in free.items())
    for name, limit in limits.items():
        assert limit is None or by_queue[name] <= max(0, limit - held.get(name, 0))


def test_places_are_shared_by_weight() -> None:
    weighty = book(QueueLimit("x", weight=3), QueueLimit("y"))

    assert asked(weighty.demand({SYNC: 40})) == {("x", SYNC): 30, ("y", SYNC): 10}


@given(
    weights=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    free=st.lists(st.integers(1, 7), min_size=1, max_size=60),
)
@settings(max_examples=25)
def test_in_the_long_run_each_queue_gets_its_part(weights: list[int], free: list[int]) -> None:
    queues = [QueueLimit(str(number), weight=weight) for number, weight in enumerate(weights)]
    shared = book(*queues)
    got = Counter[str]()
    for places in free:
        demand = shared.demand({SYNC: places})
        assert sum(group.places for group in demand) == places
        shared.charge(demand)
        got.update({group.queue: group.places for group in demand})

    for queue in queues:
        part = sum(free) * queue.weight / sum(weights)
        assert abs(got[queue.name] - part) <= len(weights)


def test_what_is_found_is_served_by_a_node_that_serves_all() -> None:
    every = book(QueueLimit("x"), QueueLimit("*", 2))
    assert asked(every.demand({SYNC: 9})) == {("x", SYNC): 9}

    every.wake("new")
    assert asked(every.demand({SYNC: 9})) == {("x", SYNC): 7, ("new", SYNC): 2}
    every.leave_out(["left"])
    every.wake("left")
    assert "left" not in [each.name for each in every.served]
