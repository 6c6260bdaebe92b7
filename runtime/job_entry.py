"""A job as `enqueue_many` takes it: the JSON that every enqueue sends, and what may not be in it.

Rules: the names are the parameters of the SQL function `enqueue`; what has its default is left out.
Payloads go in as the text that they are. The bounds repeat those of the database, so that the
caller learns which job of a bulk it was, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from runtime.handler_options import (
    LONGEST_SECONDS,
    MAX_ATTEMPTS,
    MAX_NAME_LENGTH,
    MAX_TAGS,
    MAX_TAGS_BYTES,
)
from runtime.job import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE,
    MAX_PRIORITY,
    NewJob,
)
from runtime.payload import byte_size, storable
from runtime.unique import REPLACEABLE


class _Options(msgspec.Struct, omit_defaults=True):
    """What few jobs have."""

    key: str | None = None
    sequence: bool = False
    unique_key: str | None = None
    unique_states: str | None = None
    unique_period_seconds: float | None = None
    on_conflict: str = "keep"
    replace: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    expires_seconds: float | None = None


class _Entry(msgspec.Struct, omit_defaults=True):
    """One job."""

    id: UUID
    kind: str
    args: msgspec.Raw
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout_seconds: float | None = None
    delay_seconds: float | None = None
    scheduled_at: datetime | None = None
    tags: tuple[str, ...] = ()
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    options: _Options | None = None
    held: bool = False


_encode = msgspec.json.Encoder().encode


def as_json(jobs: Sequence[NewJob]) -> str:
    """The one parameter of `enqueue_many` that has the jobs."""
    return _encode([_entry(job) for job in jobs]).decode()


def _entry(job: NewJob) -> _Entry:
    return _Entry(
        job.id,
        job.kind,
        msgspec.Raw(job.args),
        job.queue,
        job.priority,
        job.max_attempts,
        job.timeout_seconds,
        job.delay_seconds,
        job.scheduled_at,
        job.tags,
        msgspec.UNSET if job.metadata == "{}" else msgspec.Raw(job.metadata),
        _options(job),
        job.held,
    )


def _options(job: NewJob) -> _Options | None:
    if (
        job.key is None
        and job.unique_key is None
        and job.expires_at is None
        and job.expires_seconds is None
        and not job.sequence
    ):
        return None
    return _Options(
        job.key,
        job.sequence,
        None if job.unique_key is None else f"\\x{job.unique_key.hex()}",
        job.unique_states or None,
        job.unique_period_seconds,
        job.on_conflict,
        job.replace,
        job.expires_at,
        job.expires_seconds,
    )


def is_plain(job: NewJob) -> bool:
    """Whether all options but names and tags have their defaults: then only those can be wrong."""
    return (
        job.key is None
        and job.unique_key is None
        and not job.sequence
        and job.delay_seconds is None
        and job.scheduled_at is None
        and job.timeout_seconds is None
        and job.expires_seconds is None
        and job.expires_at is None
        and job.priority == DEFAULT_PRIORITY
        and job.max_attempts == DEFAULT_MAX_ATTEMPTS
    )


def wrong_options(job: NewJob) -> Iterator[str]:
    """Why this job cannot be written, apart from its payloads."""
    for field, name in (("kind", job.kind), ("queue", job.queue), ("key", job.key)):
        if name is not None:
            yield from _wrong_name(field, name)
    if not 1 <= job.priority <= MAX_PRIORITY:
        yield f"priority {job.priority}; give 1 to {MAX_PRIORITY}"
    if not 1 <= job.max_attempts <= MAX_ATTEMPTS:
        yield f"max_attempts {job.max_attempts}; give 1 to {MAX_ATTEMPTS}"
    if job.sequence and job.key is None:
        yield "a sequence needs a key"
    yield from _wrong_times(job)
    yield from _wrong_tags(job.tags)
    if job.unique_key is not None:
        yield from _wrong_unique(job)


def _wrong_name(field: str, name: str) -> Iterator[str]:
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        yield f"{field} has {len(name)} characters; give 1 to {MAX_NAME_LENGTH}"
    if storable(name) != name:
        yield f"{field} holds a character that PostgreSQL cannot keep"


def _wrong_times(job: NewJob) -> Iterator[str]:
    if job.delay_seconds is not None and job.scheduled_at is not None:
        yield "both delay_seconds and scheduled_at; give one of them"
    if job.expires_seconds is not None and job.expires_at is not None:
        yield "both expires_seconds and expires_at; give one of them"
    if job.expires_seconds == 0:
        yield "expires after 0 seconds; give more"
    durations = {
        "delay": job.delay_seconds,
        "timeout": job.timeout_seconds,
        "expiry": job.expires_seconds,
    }
    for field, seconds in durations.items():
        if seconds is not None and not 0 <= seconds <= LONGEST_SECONDS:
            yield f"{field} of {seconds} seconds; give 0 to {LONGEST_SECONDS:,.0f}"
    for field, time in (("scheduled_at", job.scheduled_at), ("expires_at", job.expires_at)):
        if time is not None and time.tzinfo is None:
            yield f"{field} without a time zone"


def _wrong_tags(tags: Sequence[str]) -> Iterator[str]:
    if len(tags) > MAX_TAGS:
        yield f"{len(tags)} tags; the limit is {MAX_TAGS}"
    text = "".join(tags)
    if storable(text) != text:
        yield "a tag holds a character that PostgreSQL cannot keep"
    if byte_size(storable(text)) > MAX_TAGS_BYTES:
        yield f"tags of more than {MAX_TAGS_BYTES:,} bytes together"


def _wrong_unique(job: NewJob) -> Iterator[str]:
    if job.on_conflict not in ("keep", "replace", "fail"):
        yield f"on_conflict is {job.on_conflict!r:.200}; give keep, replace or fail"
    if not set(job.replace or ()) <= set(REPLACEABLE):
        yield f"replace names some of {', '.join(REPLACEABLE)}"
