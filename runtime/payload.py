"""The payload guard: what may be args, output or metadata, how large, and as which JSON.

Rules: a payload is RFC 8259 JSON that every reader keeps (RFC 7493, I-JSON): no NaN or infinity, no
integer beyond ±(2^53 - 1), no lone surrogate; and that PostgreSQL keeps: no NUL character. Keys are
strings. What is refused is named by field and path. Sizes are bytes of compact JSON in UTF-8.
The work is bounded: by the size of what is given, or, where small things are used again and again
within a large one, by the most values that any limit has room for. So is every message.
Pure; used by clients, children and the Store's boundary alike.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

from runtime.errors import ConfigError, PayloadInvalid, PayloadTooLarge
from runtime.showing import shown

KIB = 1024
MIB = 1024 * KIB
# What the tables' own CHECKs still let in, with the spaces that jsonb's text has.
LARGEST_LIMIT_BYTES = 4 * MIB
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 7493, section 2.2: above it, readers with doubles lose digits
MAX_DEPTH = 200  # deeper nesting breaks recursive readers; Python's own stops at 1,000
# Each takes two bytes at least: itself, and what parts it from the next.
MOST_VALUES = LARGEST_LIMIT_BYTES // 2
_OBJECT_FIELDS = frozenset({"args", "metadata"})
_LONGEST_PATH = 200  # characters, in a message
_LONGEST_STEP = 60  # characters of it, a key
_MOST_BYTES_A_CHARACTER = 4
_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels, or holds itself"


def _in_bounds(_: Any, field: attrs.Attribute[int], value: int) -> None:
    if not 1 <= value <= LARGEST_LIMIT_BYTES:
        raise ConfigError(f"{field.name} = {value!r}: give 1 to {LARGEST_LIMIT_BYTES:,} bytes")


@attrs.frozen
class PayloadLimits:
    """How large payloads may be, in bytes of JSON; at most 4 MiB. Raises ConfigError otherwise.

    Attributes: warn_bytes: from this size on, args and output bring a warning; failure_bytes: a
    failure's message and its trace are each cut to this size.
    """

    args_bytes: int = attrs.field(default=2 * MIB, validator=_in_bounds)
    output_bytes: int = attrs.field(default=2 * MIB, validator=_in_bounds)
    warn_bytes: int = attrs.field(default=1 * MIB, validator=_in_bounds)
    metadata_bytes: int = attrs.field(default=64 * KIB, validator=_in_bounds)
    failure_bytes: int = attrs.field(default=64 * KIB, validator=_in_bounds)

    def of(self, field: str) -> int:
        """The limit of `field`: "args", "output" or "metadata"."""
        limit: int = getattr(self, f"{field}_bytes")
        return limit


DEFAULT_LIMITS = PayloadLimits()


_encode_json = msgspec.json.Encoder().encode


def encode(field: str, value: Any, *, index: int | None = None) -> str:
    """`value` as compact JSON text.

    Takes JSON types and what msgspec turns into them (dataclass, attrs, Struct, datetime, UUID,
    Decimal, Enum, bytes as base64, set), paths, mappings, and subclasses of str, int and float.
    Raises: PayloadInvalid, with field, path and index.
    """
    if type(value) is dict and len(value) <= MOST_VALUES and _is_simple(value):
        text = _encode_simple(value)
        if text is not None:
            return text
    with _Naming(field, index):
        text = _encode_json(_plain(value, 0, _Count())).decode()
    if field in _OBJECT_FIELDS and not text.startswith("{"):
        raise PayloadInvalid(field, "$", "must be a JSON object", index)
    return text


def check_text(field: str, text: str, *, index: int | None = None) -> None:
    """Hold JSON text from elsewhere (a command line, another program) to the same rules.

    Raises: PayloadInvalid.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise PayloadInvalid(field, "$", f"is no usable JSON: {error}", index) from None
    with _Naming(field, index):
        _plain(value, 0, _Count())
    if field in _OBJECT_FIELDS and type(value) is not dict:
        raise PayloadInvalid(field, "$", "must be a JSON object", index)


def byte_size(text: str) -> int:
    """Bytes of `text` in UTF-8. A lone surrogate, which is refused elsewhere, counts as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def check_size(
    field: str, text: str, limits: PayloadLimits = DEFAULT_LIMITS, *, index: int | None = None
) -> bool:
    """Whether `text` is large enough for a warning. Raises: PayloadTooLarge."""
    limit = limits.of(field)
    least = min(limit, limits.warn_bytes)
    if len(text) * _MOST_BYTES_A_CHARACTER < least:
        return False
    size = byte_size(text)
    if size > limit:
        raise PayloadTooLarge(field, size, limit, index)
    return size >= limits.warn_bytes


def storable(text: str) -> str:
    """`text` without what a text column cannot hold: NUL and lone surrogates become escapes."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00")


def cut(text: str, limit: int, *, tail_share: float = 0.0) -> str:
    """`text` in at most `limit` bytes (>= 64), storable, with a note of how much was cut.

    `tail_share` of what remains is taken from the end, the rest from the beginning.
    """
    text = storable(text)
    if len(text) * _MOST_BYTES_A_CHARACTER <= limit:
        return text
    data = text.encode()
    if len(data) <= limit:
        return text
    room = limit - len(_cut_note(len(data)))
    tail = int(room * tail_share)
    head = room - tail
    note = _cut_note(len(data) - room)
    end = data[len(data) - tail :]
    return data[:head].decode(errors="ignore") + note + end.decode(errors="ignore")


def _cut_note(size: int) -> str:
    return f"\n[... {size:,} bytes cut ...]\n"


def _is_simple(value: dict[Any, Any]) -> bool:
    """Whether this is a flat object of scalars: then only its text is left to be checked."""
    for key, item in value.items():
        if type(key) is not str:
            return False
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is int and -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
            continue
        if kind is float and math.isfinite(item):
            continue
        return False
    return True


def _encode_simple(value: dict[str, Any]) -> str | None:
    try:
        data = _encode_json(value)
    except UnicodeEncodeError:
        return None
    return None if b"\\u0000" in data else data.decode()


class _Refused(Exception):
    """What is wrong; the path grows on the way out, and loses its end when it is long."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.path = ""

    def within(self, step: str) -> None:
        """It is wrong within this member."""
        self.path = (step + self.path)[: _LONGEST_PATH + 1]


class _Count:
    """How many values were seen."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def add(self, number: int) -> None:
        """So many more. Raises _Refused."""
        self._left -= number
        if self._left < 0:
            raise _Refused(f"holds more than {MOST_VALUES:,} values: no limit has room for them")


class _Naming:
    """Turns _Refused into PayloadInvalid."""

    def __init__(self, field: str, index: int | None) -> None:
        self._field = field
        self._index = index

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RecursionError):
            error = _Refused(_TOO_DEEP)
        if isinstance(error, _Refused):
            path = "$" + error.path
            if len(path) > _LONGEST_PATH:
                path = path[:_LONGEST_PATH] + "..."
            raise PayloadInvalid(self._field, path, error.reason, self._index) from None


def _plain(value: Any, depth: int, count: _Count) -> Any:
    """`value` as exact JSON types, all checked. Raises _Refused."""
    kind = type(value)
    if kind is str:
        return _checked_text(value)
    if kind is bool or value is None:
        return value
    if kind is int:
        return _checked_integer(value)
    if kind is float:
        return _checked_number(value)
    if depth >= MAX_DEPTH:
        raise _Refused(_TOO_DEEP)
    if isinstance(value, dict):
        return _plain_object(value, depth + 1, count)
    if isinstance(value, (list, tuple)):
        return _plain_array(value, depth + 1, count)
    return _plain(_converted(value), depth + 1, count)


def _plain_object(value: dict[Any, Any], depth: int, count: _Count) -> dict[str, Any]:
    count.add(len(value))
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = _checked_key(key)
        try:
            result[name] = _plain(item, depth, count)
        except _Refused as refused:
            refused.within(_member(name))
            raise
    return result


def _member(name: str) -> str:
    if len(name) > _LONGEST_STEP:
        return f"[{name[:_LONGEST_STEP]!r}...]"
    return f".{name}" if name.isidentifier() else f"[{name!r}]"


def _plain_array(value: list[Any] | tuple[Any, ...], depth: int, count: _Count) -> list[Any]:
    count.add(len(value))
    result: list[Any] = []
    for place, item in enumerate(value):
        try:
            result.append(_plain(item, depth, count))
        except _Refused as refused:
            refused.within(f"[{place}]")
            raise
    return result


def _checked_key(key: Any) -> str:
    if not isinstance(key, str):
        raise _Refused(
            f"has the key {shown(key)} of type {type(key).__name__}; JSON keys are strings"
        )
    try:
        return _checked_text(str.__str__(key))
    except _Refused as refused:
        raise _Refused(f"has the key {shown(str.__str__(key))}, which {refused.reason}") from None


def _checked_text(text: str) -> str:
    if "\0" in text:
        raise _Refused("holds a NUL character, which PostgreSQL cannot keep")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _Refused("holds a lone surrogate, which is no text") from None
    return text


def _checked_integer(value: int) -> int:
    if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        raise _Refused("is an integer beyond ±(2^53 - 1), which JSON readers lose: pass a string")
    return value


def _checked_number(value: float) -> float:
    if not math.isfinite(value):
        raise _Refused(f"is {value!r}, which JSON does not have")
    return value


def _converted(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value, enc_hook=_by_hand)
    except RecursionError:
        raise _Refused(_TOO_DEEP) from None
    except (TypeError, ValueError) as error:
        raise _Refused(f"has no JSON form: {error}") from None


def _by_hand(value: Any) -> Any:
    """What msgspec does not convert itself."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is neither a JSON type nor can be turned into one")
