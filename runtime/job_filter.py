"""Which jobs are meant: one filter for lists, counts and changes of many jobs.

Rules: all given conditions hold together; a condition with several values holds for any of them. A
time that is given as an age is counted back from the database's now (`since`), once for a whole
call. `values_of` is in the order of the parameters of schema/parts/job_filter.sql.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import attrs
import msgspec

from runtime.errors import UsageError
from runtime.job import Job
from runtime.lifecycle import JobState

T = TypeVar("T")
When = datetime | timedelta


def _states(given: JobState | str | Iterable[JobState | str] | None) -> tuple[JobState, ...]:
    several = [given] if isinstance(given, JobState | str) else given or ()
    try:
        return tuple(JobState(each) for each in several)
    except ValueError:
        known = ", ".join(state.value for state in JobState)
        raise UsageError(f"state {given!r}: a job's state is one of {known}") from None


def _texts(given: str | Iterable[str] | None) -> tuple[str, ...]:
    texts = (given,) if isinstance(given, str) else tuple(given or ())
    given_any: tuple[object, ...] = texts  # whatever the caller's types say
    if not all(isinstance(each, str) and "\0" not in each for each in given_any):
        raise UsageError(f"a filter is made of texts without NUL, not {given!r:.200}")
    return texts


def _ids(given: UUID | Iterable[UUID] | None) -> tuple[UUID, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, UUID) else tuple(given)


def _priorities(given: int | Iterable[int] | None) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(given or ())


def _when(given: When | None) -> When | None:
    if isinstance(given, datetime) and given.tzinfo is None:
        raise UsageError(f"a time has a time zone, unlike {given!r}")
    if not isinstance(given, datetime | timedelta | None):
        raise UsageError(f"a time is a datetime or, as an age, a timedelta, not {given!r}")
    return given


def _object(given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if given is not None and not isinstance(given, Mapping):
        raise UsageError(f"metadata and args are asked for with an object, not {given!r:.200}")
    return given


@attrs.frozen(kw_only=True)
class JobFilter:
    """Which jobs are meant.

    Attributes: id, state, kind, queue, key, priority: one value or several. tag: one text or
    several, and the job has all of them; any_tag: it has one of them. metadata, args: an object
    that the job's own contains, as by PostgreSQL's `@>`. created, scheduled and finalized: `since`
    a time, that one included, and `until` another, that one excluded; a timedelta is an age. error:
    a text in the job's last failure, its class or its message, in whatever case. paused: whether
    it is held back (`Client.pause_job`).
    Raises: UsageError.
    """

    state: tuple[JobState, ...] = attrs.field(default=None, converter=_states)
    kind: tuple[str, ...] = attrs.field(default=None, converter=_texts)
    queue: tuple[str, ...] = attrs.field(default=None, converter=_texts)
    key: tuple[str, ...] = attrs.field(default=None, converter=_texts)
    tag: tuple[str, ...] = attrs.field(default=None, converter=_texts)
    any_tag: tuple[str, ...] = attrs.field(default=None, converter=_texts)
    metadata: Mapping[str, Any] | None = attrs.field(default=None, converter=_object)
    args: Mapping[str, Any] | None = attrs.field(default=None, converter=_object)
    created_since: When | None = attrs.field(default=None, converter=_when)
    created_until: When | None = attrs.field(default=None, converter=_when)
    scheduled_since: When | None = attrs.field(default=None, converter=_when)
    scheduled_until: When | None = attrs.field(default=None, converter=_when)
    finalized_since: When | None = attrs.field(default=None, converter=_when)
    finalized_until: When | None = attrs.field(default=None, converter=_when)
    id: tuple[UUID, ...] | None = attrs.field(default=None, converter=_ids)
    priority: tuple[int, ...] = attrs.field(default=None, converter=_priorities)
    error: str | None = None
    paused: bool | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether all jobs are meant."""
        return self == JobFilter()

    @property
    def has_ages(self) -> bool:
        """Whether a time in it is an age, which `at` makes a time of."""
        return any(isinstance(each, timedelta) for each in attrs.astuple(self, recurse=False))

    def at(self, now: datetime) -> JobFilter:
        """The same, with all ages counted back from this time."""
        given = attrs.asdict(self, recurse=False)
        ages: dict[str, Any] = {
            name: now - age for name, age in given.items() if isinstance(age, timedelta)
        }
        return attrs.evolve(self, **ages)


def values_of(wanted: JobFilter) -> tuple[Any, ...]:
    """A filter without ages, as the parameters of schema/parts/job_filter.sql."""
    return (
        [state.value for state in wanted.state] or None,
        list(wanted.kind) or None,
        list(wanted.queue) or None,
        list(wanted.key) or None,
        list(wanted.tag) or None,
        list(wanted.any_tag) or None,
        _json(wanted.metadata),
        _json(wanted.args),
        wanted.created_since,
        wanted.created_until,
        wanted.scheduled_since,
        wanted.scheduled_until,
        wanted.finalized_since,
        wanted.finalized_until,
        None if wanted.id is None else list(wanted.id),
        list(wanted.priority) or None,
        wanted.error,
        wanted.paused,
    )


def _json(given: Mapping[str, Any] | None) -> str | None:
    if given is None:
        return None
    try:
        return msgspec.json.encode(given).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"a filter's object is no usable JSON: {error}") from None


def fits(job: Job, wanted: JobFilter) -> bool:
    """Whether a filter without ages means this job: what the statement says, in Python."""
    last = job.failures[0] if job.failures else None
    told = f"{last.error_class}: {last.message}".lower() if last else ""
    return (
        _among(job.state, wanted.state)
        and _among(job.kind, wanted.kind)
        and _among(job.queue, wanted.queue)
        and _among(job.priority, wanted.priority)
        and _among(getattr(job, "key", None), wanted.key)
        and (wanted.id is None or job.id in wanted.id)
        and set(wanted.tag) <= set(job.tags)
        and (not wanted.any_tag or not set(wanted.any_tag).isdisjoint(job.tags))
        and _contains(job.metadata, wanted.metadata or {})
        and _contains(job.args, wanted.args or {})
        and _within(job.created_at, wanted.created_since, wanted.created_until)
        and _within(job.scheduled_at, wanted.scheduled_since, wanted.scheduled_until)
        and _within(job.finalized_at, wanted.finalized_since, wanted.finalized_until)
        and (wanted.error is None or (last is not None and wanted.error.lower() in told))
        and wanted.paused in (None, getattr(job, "paused_at", None) is not None)
    )


def _among(value: T, wanted: tuple[T, ...]) -> bool:
    return not wanted or value in wanted


def _within(time: datetime | None, since: When | None, until: When | None) -> bool:
    assert not isinstance(since, timedelta)
    assert not isinstance(until, timedelta)
    if time is None:
        return since is None and until is None
    return (since is None or since <= time) and (until is None or time < until)


def _contains(whole: Any, part: Any) -> bool:
    """As PostgreSQL's `@>`: a list contains another whose elements are each in one of its own."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            name in whole and _contains(whole[name], value) for name, value in part.items()
        )
    if isinstance(part, list | tuple):
        return isinstance(whole, list | tuple) and all(
            any(_contains(mine, each) for mine in whole) for each in part
        )
    return bool(type(whole) is type(part) and whole == part)
