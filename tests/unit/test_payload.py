"""runtime.payload: what may be a payload, and what is refused where."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ConfigError, PayloadInvalid, PayloadTooLarge
from runtime.payload import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    PayloadLimits,
    byte_size,
    check_size,
    check_text,
    cut,
    encode,
    storable,
)

_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts
)
json_values = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(_texts, inner), max_leaves=20
)
json_objects = st.dictionaries(_texts, json_values)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Name(StrEnum):
    ADA = "ada"


@dataclass
class Point:
    x: float
    y: Any = None


@attrs.frozen
class Frame:
    at: datetime
    points: tuple[Point, ...] = ()


class Size(msgspec.Struct):
    width: int


class Shout(str):
    __slots__ = ()


class Metres(float):
    __slots__ = ()


class Count(int):
    pass


@pytest.mark.untraced
@settings(max_examples=40)
@given(json_objects)
def test_json_survives_encoding_and_passes_the_check_of_texts(value: dict[str, Any]) -> None:
    text = encode("args", value)

    assert json.loads(text) == value
    check_text("args", text)
    assert byte_size(text) == len(text.encode())


@pytest.mark.untraced
@settings(max_examples=40)
@given(json_values)
def test_an_output_may_be_any_json(value: Any) -> None:
    assert json.loads(encode("output", value)) == value


def test_the_text_is_compact_and_readable() -> None:
    assert encode("args", {"a": [1, 2.5, "ü"], "b": None}) == '{"a":[1,2.5,"ü"],"b":null}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, '{"at":"2026-01-02T00:00:00Z"}'),
        ({"on": date(2026, 1, 2)}, '{"on":"2026-01-02"}'),
        ({"for": timedelta(seconds=90)}, '{"for":"PT90S"}'),
        ({"id": UUID(int=7)}, '{"id":"00000000-0000-0000-0000-000000000007"}'),
        ({"sum": Decimal("1.10")}, '{"sum":"1.10"}'),
        ({"c": Colour.RED, "l": Level.HIGH, "n": Name.ADA}, '{"c":"red","l":3,"n":"ada"}'),
        ({"p": PurePosixPath("a/b")}, '{"p":"a/b"}'),
        ({"raw": b"\x00\xff"}, '{"raw":"AP8="}'),
        ({"t": (1, (2,)), "s": {3}}, '{"t":[1,[2]],"s":[3]}'),
        ({"s": Shout("a"), "m": Metres(1.5), "c": Count(3)}, '{"s":"a","m":1.5,"c":3}'),
        ({"m": MappingProxyType({"a": 1})}, '{"m":{"a":1}}'),
        ({Name.ADA: 1, Shout("b"): 2}, '{"ada":1,"b":2}'),
        (Point(1.0, Size(2)), '{"x":1.0,"y":{"width":2}}'),
        (
            Frame(datetime(2026, 1, 1, tzinfo=UTC), (Point(0.5),)),
            '{"at":"2026-01-01T00:00:00Z","points":[{"x":0.5,"y":null}]}',
        ),
        (MappingProxyType({"a": 1}), '{"a":1}'),
    ],
)
def test_common_types_are_converted(value: Any, text: str) -> None:
    assert encode("args", value) == text


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"a": math.nan}, "$.a", "nan"),
        ({"a": [0.0, {"b": math.inf}]}, "$.a[1].b", "inf"),
        ({"a": -math.inf}, "$.a", "-inf"),
        ({"a": "x\0y"}, "$.a", "NUL"),
        ({"a": {"b": ["\0"]}}, "$.a.b[0]", "NUL"),
        ({"a": "\ud800"}, "$.a", "surrogate"),
        ({"b": ["\udfff"]}, "$.b[0]", "surrogate"),
        ({"a": 2**53}, "$.a", "pass a string"),
        ({"a": [-(2**53)]}, "$.a[0]", "pass a string"),
        ({"a": 10**400}, "$.a", "pass a string"),
        ({1: "a"}, "$", "key 1 of type int"),
        ({"a": {None: 1}}, "$.a", "key None of type NoneType"),
        ({"a": {"b\0": 1}}, "$.a", "NUL"),
        ({"\ud800": 1}, "$", "surrogate"),
        ({"a b": [math.nan]}, "$['a b'][0]", "nan"),
        ({"a": object()}, "$.a", "object"),
        ({"a": 1j}, "$.a", "complex"),
        ({"a": Point(1.0, math.nan)}, "$.a.y", "nan"),
        ({"a": Point(1.0, object())}, "$.a", "object"),
        ({"a": Metres(math.nan)}, "$.a", "nan"),
        ({"a": Count(2**53)}, "$.a", "pass a string"),
        ({"a": Shout("\0")}, "$.a", "NUL"),
        ([1, 2], "$", "object"),
        ("text", "$", "object"),
        (None, "$", "object"),
    ],
)
def test_what_is_refused_is_named_by_its_path(value: Any, path: str, reason: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        encode("args", value, index=4)

    assert (caught.value.field, caught.value.path, caught.value.index) == ("args", path, 4)
    assert reason in caught.value.reason
    assert f"args of job 4 at {path}" in str(caught.value)


def test_the_greatest_integers_pass() -> None:
    limits = {"a": [MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER], "b": MAX_SAFE_INTEGER}

    assert json.loads(encode("args", limits)) == limits


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    value = {"a": "\\u0000"}

    assert json.loads(encode("args", value)) == value


def nested(depth: int) -> dict[str, Any]:
    value: Any = 0
    for _ in range(depth - 1):
        value = [value]
    return {"a": value}


def test_nesting_has_a_limit() -> None:
    encode("args", nested(MAX_DEPTH))

    with pytest.raises(PayloadInvalid, match="deeper than 200"):
        encode("args", nested(MAX_DEPTH + 1))
    with pytest.raises(PayloadInvalid):
        check_text("args", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}")


@pytest.mark.parametrize("make", [list, dict, Point])
def test_what_holds_itself_is_refused(make: Any) -> None:
    value: Any = make(1.0) if make is Point else make()
    match value:
        case list():
            value.append(value)
        case dict():
            value["self"] = value
        case _:
            value.y = value

    with pytest.raises(PayloadInvalid, match="holds itself") as caught:
        encode("args", {"a": value})
    assert len(caught.value.path) < 250


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "$"),
        ("{", "$"),
        ("NaN", "$"),
        ("[1]", "$"),
        ('{"a":1} x', "$"),
        ('{"a":Infinity}', "$"),
        ('{"a":1e999}', "$"),
        ('{"a":"\\ud800"}', "$"),
        ('{"a":"\\u0000"}', "$.a"),
        ('{"a":[12345678901234567890]}', "$.a[0]"),
        ("{'a':1}", "$"),
    ],
)
def test_text_from_elsewhere_obeys_the_same_rules(text: str, path: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        check_text("args", text)

    assert caught.value.path == path


def test_text_from_elsewhere_may_have_spaces_and_escapes() -> None:
    check_text("args", ' { "a" : "\\ud83d\\ude00" } ')
    check_text("output", "7")


@pytest.mark.untraced
@given(st.text(), st.integers(1, 300))
def test_sizes_are_bytes_of_utf8(text: str, limit: int) -> None:
    text = storable(text)
    limits = PayloadLimits(args_bytes=limit, warn_bytes=limit)
    size = len(text.encode())
    if size > limit:
        with pytest.raises(PayloadTooLarge) as caught:
            check_size("args", text, limits, index=2)
        assert (caught.value.size, caught.value.limit, caught.value.index) == (size, limit, 2)
    else:
        assert check_size("args", text, limits) is (size == limit)


def test_each_field_has_its_limit() -> None:
    limits = PayloadLimits(args_bytes=10, output_bytes=20, metadata_bytes=30)

    assert [limits.of(field) for field in ("args", "output", "metadata")] == [10, 20, 30]


@pytest.mark.parametrize("size", [0, -1, 4 * 1024 * 1024 + 1])
def test_a_limit_out_of_bounds_is_a_mistake_in_the_configuration(size: int) -> None:
    with pytest.raises(ConfigError, match="args_bytes"):
        PayloadLimits(args_bytes=size)


@pytest.mark.untraced
@given(st.text(), st.integers(64, 400), st.floats(0, 1))
def test_a_cut_text_fits_and_says_what_is_missing(text: str, limit: int, share: float) -> None:
    whole = storable(text * 20)

    short = cut(text * 20, limit, tail_share=share)

    assert len(short.encode()) <= limit
    if short != whole:
        assert len(whole.encode()) > limit
        assert "bytes cut" in short


def test_a_cut_keeps_beginning_and_end() -> None:
    text = "begin" + "ü" * 1_000 + "end"

    short = cut(text, 100, tail_share=0.5)

    assert short.startswith("beginü")
    assert short.endswith("üend")
    kept = short.partition("\n[... ")[0] + short.rpartition(" ...]\n")[2]
    missing = int(short.partition("[... ")[2].partition(" bytes")[0].replace(",", ""))
    assert missing <= len(text.encode()) - len(kept.encode()) <= missing + 4


@pytest.mark.untraced
@given(st.text(st.characters()))
def test_storable_text_can_be_stored_and_keeps_what_can_be_kept(text: str) -> None:
    stored = storable(text)

    assert "\0" not in stored
    stored.encode()
    if "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text):
        assert stored == text
