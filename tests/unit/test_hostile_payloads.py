"""Payloads made to hurt: each passes, or gets one typed error, in time that its size explains."""

from __future__ import annotations

import inspect
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest

from actors.store.guard import Guard
from runtime import App, Kind
from runtime.child.context import JobContext
from runtime.child.ending import Judge
from runtime.child.settings import ChildSettings
from runtime.errors import (
    ArgsInvalid,
    HeadraceError,
    PayloadError,
    PayloadInvalid,
    PayloadTooLarge,
    UsageError,
)
from runtime.ids import uuid7
from runtime.job import NewJob
from runtime.outcome import Completed, Discarded
from runtime.payload import (
    LARGEST_LIMIT_BYTES,
    MAX_DEPTH,
    MIB,
    MOST_VALUES,
    check_text,
    encode,
)
from runtime.readable import UNREADABLE, readable
from runtime.wire import Run

pytestmark = pytest.mark.untraced

# Of CPU. The slowest takes a quarter of a second; what is not bounded takes minutes, or for ever.
PROMPT_SECONDS = 3.0
# What an error may say: it is logged, and stored as the failure of a job.
LONGEST_MESSAGE = 1_000

app = App()
judge = Judge(ChildSettings())


@app.job
def plain(value: Any = None) -> Any:
    return value


@app.job
def counts(value: int = 0) -> int:
    return value


@app.job
def anything(**values: Any) -> None:
    """Its args are read in two steps."""


def nested(depth: int, wrap: Callable[[Any], Any] = lambda inner: [inner]) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = wrap(value)
    return value


def text_nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return '{"value":' + opening * depth + "0" + closing * depth + "}"


HOSTILE: dict[str, Callable[[], Any]] = {
    "lists in lists": lambda: nested(100_000),
    "objects in objects": lambda: nested(100_000, lambda inner: {"a": inner}),
    "objects of another class": lambda: nested(100_000, lambda inner: OrderedDict(a=inner)),
    "an integer of a million digits": lambda: 1 << 3_321_928,
    "such a key": lambda: {1 << 3_321_928: 1},
    "an infinite number": lambda: float("1e400"),
    "no number": lambda: [math.nan],
    "a lone surrogate": lambda: "\ud800",
    "a lone surrogate as key": lambda: {"\udfff" * MIB: 1},
    "a NUL": lambda: "\0",
    "a NUL in a key of a megabyte": lambda: {"k" * MIB + "\0": 1},
    "a long way to what is wrong": lambda: nested(
        MAX_DEPTH - 1, lambda inner: {"k" * 10_000: inner or math.nan}
    ),
    "lists that are used again and again": lambda: nested(60, lambda inner: [inner, inner]),
    "objects that are used again and again": lambda: nested(60, lambda i: {"a": i, "b": i}),
    "the same of another class": lambda: nested(60, lambda i: OrderedDict(a=i, b=i)),
    "millions of values": lambda: [None] * 3_000_000,
    "many keys": lambda: dict.fromkeys(map(str, range(400_000))),
    "a text of some megabytes": lambda: "ä" * (3 * MIB),
}


@contextmanager
def promptly() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < PROMPT_SECONDS


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_get_one_typed_error_wherever_they_come_from(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.payload.MOST_VALUES", 50_000)  # 2 million take a second
    value = HOSTILE[name]()

    with promptly():
        for make in (plain.new_job, Kind("k").new_job):
            with pytest.raises(PayloadError) as caught:
                make(value=value)
            assert len(str(caught.value)) < LONGEST_MESSAGE
    with promptly(), pytest.raises(PayloadError):
        plain.with_options(metadata={"m": value}).new_job()
    with promptly():
        outcome = judge.of_value(plain, value)
    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class in ("PayloadInvalid", "PayloadTooLarge")
    assert len(outcome.failure.message) < LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (text_nested(100_000), "is no usable JSON"),
        (text_nested(100_000, '{"a":', "}"), "is no usable JSON"),
        (text_nested(MAX_DEPTH), "nested deeper"),
        ('{"value":' + "9" * 1_000_000 + "}", "is no usable JSON"),
        ('{"value":1e400}', "is no usable JSON"),
        ('{"value":NaN}', "is no usable JSON"),
        ('{"' + "k" * MIB + '\\u0000":1}', "NUL"),
        ('{"value":"\\ud800"}', "is no usable JSON"),
        ('{"value":[' + "0," * 1_500_000 + "0]}", None),
    ],
    ids=[
        "lists", "objects", "one level", "digits", "1e400", "NaN", "NUL", "surrogate", "size",
    ],
)  # fmt: skip
def test_hostile_texts_are_refused_at_the_store(text: str, reason: str | None) -> None:
    job = NewJob(id=uuid7(), kind="k", args=text)

    with promptly(), pytest.raises(PayloadError) as caught:
        Guard().check_jobs([job])

    assert len(str(caught.value)) < LONGEST_MESSAGE
    if reason is None:
        assert isinstance(caught.value, PayloadTooLarge)
    else:
        assert isinstance(caught.value, PayloadInvalid)
        assert reason in caught.value.reason


def test_no_more_values_are_looked_at_than_have_room() -> None:
    assert MOST_VALUES * 2 == LARGEST_LIMIT_BYTES


def test_a_text_over_the_limit_is_refused_before_it_is_read() -> None:
    nonsense = "\ud800" * MIB

    with pytest.raises(PayloadTooLarge):
        Guard().check_jobs([NewJob(id=uuid7(), kind="k", args=nonsense)])


def test_what_is_large_or_odd_and_harmless_passes_and_comes_back() -> None:
    value = {
        "k" * MIB: 1,
        "deep": nested(MAX_DEPTH - 2),
        "wide": {str(number): number for number in range(20_000)},
        "\\u0000": "\\ud800",
    }

    outcome = judge.of_value(plain, value)

    assert isinstance(outcome, Completed)
    assert msgspec.json.decode(outcome.output or "") == value
    check_text("output", outcome.output or "")


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    text = '{"value":1,"value":2}'

    check_text("args", text)

    assert plain.call(text) == 2


def test_a_deep_stack_makes_no_other_error() -> None:
    def at_depth(levels: int) -> str:
        return at_depth(levels - 1) if levels else encode("args", {"a": nested(190)})

    room = sys.getrecursionlimit() - len(inspect.stack(0))
    with pytest.raises(PayloadInvalid):
        at_depth(room - 100)  # where there is still room for the caller, but not for the payload


# --- what others wrote ----------------------------------------------------------------------------

BY_OTHERS = {"deep": text_nested(5_000), "wide": '{"value":' + "9" * 100_000 + "}"}


@pytest.mark.parametrize("text", BY_OTHERS.values(), ids=BY_OTHERS)
@pytest.mark.parametrize("handler", [plain, counts, anything], ids=lambda handler: handler.kind)
def test_args_that_another_writer_let_through_fail_the_run_with_a_typed_error(
    handler: Any, text: str
) -> None:
    with promptly(), pytest.raises(ArgsInvalid):
        handler.call(text)


@pytest.mark.parametrize("text", BY_OTHERS.values(), ids=BY_OTHERS)
def test_metadata_that_another_writer_let_through_is_a_typed_error(text: str) -> None:
    frame = Run(1, 0, UUID(int=1).bytes, 1, "k", "q", "{}", 1, 1, metadata=text)

    with promptly(), pytest.raises(PayloadInvalid, match="metadata"):
        _ = JobContext(frame).metadata


@pytest.mark.parametrize("text", BY_OTHERS.values(), ids=BY_OTHERS)
def test_an_output_that_another_writer_let_through_is_a_typed_error(text: str) -> None:
    with promptly(), pytest.raises(HeadraceError):
        plain.decode_output(text)


@pytest.mark.parametrize("text", [*BY_OTHERS.values(), text_nested(400)], ids=[*BY_OTHERS, "less"])
def test_what_cannot_be_read_is_shown_as_such(text: str) -> None:
    shown = readable(text)

    assert set(shown) == {UNREADABLE, "text"}
    assert text.startswith(shown["text"])
    msgspec.json.encode(shown)


def test_what_can_be_read_is_shown_as_it_is() -> None:
    wide = "[" + ",".join(["[]", "{}"] * 500) + "]"

    assert readable(wide) == [[], {}] * 500
    assert readable(text_nested(MAX_DEPTH - 1)) == {"value": nested(MAX_DEPTH - 1)}
    assert readable('{"a":12345678901234567890123}') == {"a": 12345678901234567890123}


@pytest.mark.parametrize(
    "value",
    [1 << 20_000, -(1 << 20_000), math.nan, math.inf],
    ids=["vast", "below", "none", "infinite"],
)
@pytest.mark.parametrize("option", ["priority", "max_attempts", "delay", "timeout"])
def test_options_beyond_all_bounds_get_a_typed_error(option: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        plain.with_options(**{option: value})
    assert len(str(caught.value)) < LONGEST_MESSAGE
