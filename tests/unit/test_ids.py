"""runtime.ids: UUIDv7 that grow."""

from __future__ import annotations

import itertools
import os
import threading
import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.ids import Uuid7Source, uuid7


def milliseconds(made: UUID) -> int:
    return made.int >> 80


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    made = Uuid7Source()()

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= milliseconds(made) <= time.time_ns() // 1_000_000


def test_ids_grow_strictly() -> None:
    made = [uuid7() for _ in range(20_000)]

    assert all(first < second for first, second in itertools.pairwise(made))


@given(st.lists(st.integers(0, 2**48 - 1_000), min_size=2, max_size=50))
def test_ids_grow_whatever_the_clock_does(clock: list[int]) -> None:
    source = Uuid7Source()

    made = [source._next(millisecond) for millisecond in clock]

    assert made == sorted(set(made))


def test_the_clock_stepping_back_keeps_the_last_millisecond() -> None:
    source = Uuid7Source()
    first = source._next(2_000_000_000_000)

    second = source._next(1_000_000_000_000)

    assert second > first
    assert milliseconds(second) == 2_000_000_000_000


def test_a_full_counter_borrows_the_next_millisecond() -> None:
    source = Uuid7Source()
    first = source._next(1_000)
    source._counter = 2**42 - 1

    second = source._next(1_000)

    assert second > first
    assert milliseconds(second) == 1_001


def test_threads_never_get_the_same_id() -> None:
    source = Uuid7Source()
    made: list[list[UUID]] = []

    def make() -> None:
        made.append([source() for _ in range(2_000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({one for batch in made for one in batch}) == 8_000
    assert all(batch == sorted(batch) for batch in made)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside threads, on 3.12
@pytest.mark.untraced
def test_a_forked_child_makes_ids_of_its_own() -> None:
    source = Uuid7Source()
    source._next(2**48 - 2)  # far ahead, so that only the counter could tell them apart
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, source().bytes)
        os._exit(0)
    os.waitpid(child, 0)
    theirs = UUID(bytes=os.read(reader, 16))
    os.close(reader)
    os.close(writer)

    assert milliseconds(theirs) < 2**48 - 2
    assert theirs != source()
