"""What goes into a step or a child, under the payload guard.

Rules: a step's function runs in this process, so its args are stored nowhere, and may be anything.
Those that have a JSON form are held to the limit all the same: what is too large for a row is too
large to hand about. Others (a connection, a model, an array) are not measured. Each is written at
most once, and no further than to where it is over the limit; small ones are not written at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from runtime.errors import PayloadError, PayloadInvalid, PayloadTooLarge
from runtime.payload import MIB

logger = logging.getLogger("headrace")

# Over it, it is worth a word in the log: what is recorded is read again at every replay.
WARN_BYTES = 1 * MIB
# An escaped control character; what is beyond ASCII takes less.
_MOST_BYTES_A_CHARACTER = 6
_MOST_BYTES_A_NUMBER = 32
# Of a long list so much is written at a time: then it is known whether it is over already.
_MEMBERS_AT_ONCE = 4096

_write = msgspec.json.Encoder().encode


def check_input(what: str, args: Sequence[Any], kwargs: Mapping[str, Any], limit: int) -> None:
    """Raises: PayloadTooLarge, naming `what`; from 1 MiB on the log is told."""
    if not args and not kwargs:
        return
    least = min(limit, WARN_BYTES)
    if sum(map(_bound, args)) + sum(map(_bound, kwargs.values())) < least:
        return
    size = 0
    for piece in chain.from_iterable(map(_sizes, chain(args, kwargs.values()))):
        size += piece
        if size > limit:
            raise PayloadTooLarge(what, size, limit)
    if size >= least:
        logger.warning("%s is %d bytes of JSON", what, size)


def _bound(value: Any) -> float:
    """So many bytes at most; infinity: nobody knows without writing it."""
    kind = type(value)
    if kind is str:
        return len(value) * _MOST_BYTES_A_CHARACTER + 2
    if value is None or kind is bool or kind is int or kind is float:
        return _MOST_BYTES_A_NUMBER
    return float("inf")


def _sizes(value: Any) -> Iterator[int]:
    """Bytes of JSON, by and by; none of what has no JSON form."""
    if isinstance(value, list | tuple) and len(value) > _MEMBERS_AT_ONCE:
        yield from _sizes_of(value, list)
    elif type(value) is dict and len(value) > _MEMBERS_AT_ONCE:
        yield from _sizes_of(value.items(), dict)
    else:
        size = _size(value)
        if size is not None:
            yield size


def _sizes_of(
    members: Iterable[Any], build: type[list[Any]] | type[dict[Any, Any]]
) -> Iterator[int]:
    rest = iter(members)
    yield 1
    while portion := build(islice(rest, _MEMBERS_AT_ONCE)):
        size = _size(portion)
        if size is None:
            return
        yield size - 1  # a comma between two portions, brackets around all


def _size(value: Any) -> int | None:
    try:
        return len(_write(value))
    except (TypeError, ValueError, RecursionError):  # msgspec's own errors, lone surrogates too
        return None


def of(error: PayloadError, whose: str) -> PayloadError:
    """The error, with its field named as one of `whose`."""
    match error:
        case PayloadTooLarge():
            return PayloadTooLarge(f"{error.field} of {whose}", error.size, error.limit)
        case PayloadInvalid():
            return PayloadInvalid(f"{error.field} of {whose}", error.path, error.reason)
    return error
