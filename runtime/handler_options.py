"""The options of a handler and of a single enqueue, checked once, where they are given.

Rules: an option that is None was not given; the enqueue's wins over the handler's. A bad value is a
UsageError that names the option. The database's CHECKs hold the same bounds as a backstop.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from runtime.errors import UsageError
from runtime.job import MAX_PRIORITY
from runtime.payload import byte_size, storable
from runtime.showing import shown
from runtime.unique import Unique

BackoffFunction = Callable[[int, BaseException], "float | timedelta | None"]
"""Takes the failed attempt (from 1) and its error; returns the delay, or None for the default."""

Seconds = float | timedelta

MAX_NAME_LENGTH = 127  # characters of a kind or queue, as in River
MAX_TAG_LENGTH = 255  # characters, as in River
MAX_TAGS = 100
MAX_TAGS_BYTES = 8 * 1024  # together; the CHECK, of 32 KiB, counts quotes and escapes too
# A hundred years: longer delays and timeouts are mistakes, and overflow the database's times.
LONGEST_SECONDS = 100 * 365.25 * 86_400.0
MAX_ATTEMPTS = 32_000  # the column is a smallint, and rescue may add to it
DEFAULT_NAMESPACE = "headrace"
_NAMESPACE = re.compile(r"[a-z_][a-z0-9_]{0,39}")  # an identifier that fits with ".finished" in 63
_KIND = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-:/@]{0,126}")


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a job is to be run, apart from its args. None: not given."""

    queue: str | None = None
    priority: int | None = None
    max_attempts: int | None = None
    timeout_seconds: float | None = None
    delay_seconds: float | None = None
    scheduled_at: datetime | None = None
    tags: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] | None = None
    id: UUID | None = None
    key: str | None = None
    sequence: bool | None = None
    unique: Unique | Literal[False] | None = None
    expires_seconds: float | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.queue is not None:
            check_name("queue", self.queue)
        _check_whole("priority", self.priority, MAX_PRIORITY)
        _check_whole("max_attempts", self.max_attempts, MAX_ATTEMPTS)
        _check_one_time("delay", self.delay_seconds, "scheduled_at", self.scheduled_at)
        _check_one_time("expires_in", self.expires_seconds, "expires_at", self.expires_at)
        if self.expires_seconds == 0:
            raise UsageError("expires_in is 0: give more than 0 seconds")
        _check_seconds("timeout", self.timeout_seconds)
        check_tags(self.tags or ())
        _check_instance("metadata", self.metadata, Mapping)
        _check_instance("id", self.id, UUID)
        if self.key is not None:
            check_name("key", self.key)
        _check_instance("sequence", self.sequence, bool)
        if self.unique is not False:
            _check_instance("unique", self.unique, Unique)

    def over(self, other: JobOptions) -> JobOptions:
        """These options, and the other's where they are silent."""
        given = {name: value for name in _NAMES if (value := getattr(self, name)) is not None}
        for pair in _PAIRS:
            if pair & given.keys():
                given = dict.fromkeys(pair) | given
        return msgspec.structs.replace(other, **given)


_NAMES = JobOptions.__struct_fields__
_PAIRS = ({"delay_seconds", "scheduled_at"}, {"expires_seconds", "expires_at"})
"""Two ways to say one thing: a new one puts out the other."""


RESERVED_KINDS = "headrace."
"""What kinds of ours begin with: no handler may be of one."""


def check_kind(kind: object) -> str:
    """The kind, if it may be one. Raises: UsageError."""
    if not isinstance(kind, str) or _KIND.fullmatch(kind) is None:
        raise UsageError(
            f"{kind!r:.200} cannot be a kind: a letter or _, then at most 126 of letters, digits "
            f"and _ . - : / @ ; give the handler one with @app.job(kind=...)"
        )
    return kind


def check_name(what: str, name: object) -> str:
    """The name, if it is text that PostgreSQL keeps as it is. Raises: UsageError."""
    if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME_LENGTH and storable(name) == name):
        raise UsageError(
            f"{what} is a name of 1 to {MAX_NAME_LENGTH} characters, without NUL and lone "
            f"surrogates, not {name!r:.200}"
        )
    return name


def check_namespace(namespace: object) -> str:
    """The namespace, if it may be one. Raises: UsageError."""
    if not isinstance(namespace, str) or _NAMESPACE.fullmatch(namespace) is None:
        raise UsageError(
            f"{namespace!r:.200} cannot be a namespace: a lower-case letter or _, then at most 39 "
            f"of a-z, 0-9 and _"
        )
    return namespace


def seconds_of(name: str, value: object) -> float | None:
    """Seconds or a timedelta, as seconds. Raises: UsageError that names the option."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{name} is seconds or a timedelta, not {value!r}")
    if not 0 <= value <= sys.float_info.max:
        raise UsageError(f"{name} is {shown(value)}: give 0 seconds or more")
    return float(value)


def check_max_crashes(value: object) -> None:
    """Raises: UsageError, for a crash budget that cannot be."""
    _check_whole("max_crashes", value, MAX_ATTEMPTS)


def _check_whole(name: str, value: object, maximum: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= maximum:
        raise UsageError(f"{name} is a whole number from 1 to {maximum}, not {shown(value)}")


def _check_instance(name: str, value: object, wanted: type) -> None:
    if value is not None and not isinstance(value, wanted):
        raise UsageError(f"{name} is a {wanted.__name__}, not {value!r}")


def _check_seconds(name: str, seconds: float | None) -> None:
    if seconds is not None and not 0 <= seconds <= LONGEST_SECONDS:
        raise UsageError(f"{name} is {shown(seconds)} seconds: give at most {LONGEST_SECONDS:,.0f}")


def _check_one_time(name: str, seconds: float | None, at_name: str, at: object) -> None:
    _check_seconds(name, seconds)
    if at is None:
        return
    if seconds is not None:
        raise UsageError(f"give {name} or {at_name}, not both")
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise UsageError(f"{at_name} is a datetime with a time zone, not {at!r:.200}")


def check_tags(tags: Sequence[object]) -> None:
    """Raises: UsageError, if a job cannot have these tags."""
    if len(tags) > MAX_TAGS:
        raise UsageError(f"a job has at most {MAX_TAGS} tags, not {len(tags)}")
    for tag in tags:
        fits = isinstance(tag, str) and 0 < len(tag) <= MAX_TAG_LENGTH and storable(tag) == tag
        if not fits:
            raise UsageError(
                f"a tag is text of 1 to {MAX_TAG_LENGTH} characters, without NUL and lone "
                f"surrogates, not {tag!r:.200}"
            )
    size = sum(byte_size(str(tag)) for tag in tags)
    if size > MAX_TAGS_BYTES:
        raise UsageError(
            f"tags of {size:,} bytes together; the limit is {MAX_TAGS_BYTES:,}. Put what is not "
            f"searched for into metadata"
        )
