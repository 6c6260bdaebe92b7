"""Unique: what makes a job the same as another, and what an enqueue does that finds one.

A job's key is the SHA-256 of a text, which other languages can make as well: compact JSON in UTF-8,
its members sorted by name at every level, whole numbers without a fraction, of

    {"args": {...}, "kind": "...", "queue": "..."}

without the members that `Unique` leaves out. Args are taken as they were given: a default that was
not given is not in them. With a period, the database adds in which one the job is scheduled, by its
own clock (schema/migrations/012_enqueue_options.sql).

Rule: a job enters the states in which it holds its key when it is enqueued, and never later: no
claim, outcome or rescue can find that another holds it. So the states are all in which a job is yet
to end, and any final ones; or those before its first run, after which it holds its key no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal

import attrs
import msgspec

from runtime.errors import UsageError
from runtime.lifecycle import FINAL_STATES, JobState

OnConflict = Literal["keep", "replace", "fail"]

BEFORE_ITS_RUN = frozenset({JobState.AVAILABLE, JobState.SCHEDULED, JobState.PENDING})
"""Until its first run begins: one may wait while others of the same key run."""
UNFINISHED = frozenset({*BEFORE_ITS_RUN, JobState.RUNNING, JobState.RETRYABLE})
"""Until it ends, however it does."""
DEFAULT_STATES = frozenset({*UNFINISHED, JobState.COMPLETED})
"""River's: also after it has completed, until it is pruned."""
REPLACEABLE = (
    "args",
    "metadata",
    "tags",
    "priority",
    "scheduled_at",
    "max_attempts",
    "timeout_seconds",
    "expires_at",
)
"""The fields of a waiting job that on_conflict="replace" may put the new one's in."""
LONGEST_PERIOD_SECONDS = 100 * 365.25 * 86_400.0

# The order of the enum job_state, from the left of a bit(8).
_PLACES = (
    JobState.AVAILABLE,
    JobState.SCHEDULED,
    JobState.PENDING,
    JobState.RUNNING,
    JobState.RETRYABLE,
    JobState.CANCELLED,
    JobState.DISCARDED,
    JobState.COMPLETED,
)
_LARGEST_WHOLE = 2.0**53  # above it a float's neighbours are more than one apart
_canonical = msgspec.json.Encoder(order="deterministic").encode


def _names(value: Any) -> Any:
    if isinstance(value, (bool, str)) or not isinstance(value, Iterable):
        return value
    return tuple(value)


def _states(value: Any) -> Any:
    try:
        return frozenset(JobState(state) for state in value)
    except (TypeError, ValueError):
        return value  # for the check to refuse


def _period(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value


@attrs.frozen(kw_only=True)
class Unique:
    """Of jobs that are the same in what is named here, one exists at a time.

    Args: args: True: all of them; names: only these; False: none. kind, queue: whether jobs of
    other kinds and queues are others. period: seconds or timedelta: once in each such stretch of
    time, counted from 1970 in UTC, by when the job is scheduled. states: in which a job holds its
    key: UNFINISHED, with any final ones, or BEFORE_ITS_RUN. on_conflict: "keep" the job that is
    there; "replace" its fields, named by `replace`, if it waits (scheduled, available or
    retryable), else keep it; or "fail" with JobNotUnique.
    Raises: UsageError.
    """

    args: bool | tuple[str, ...] = attrs.field(default=True, converter=_names)
    period: float | None = attrs.field(default=None, converter=_period)
    kind: bool = True
    queue: bool = False
    states: frozenset[JobState] = attrs.field(default=DEFAULT_STATES, converter=_states)
    on_conflict: OnConflict = "keep"
    replace: tuple[str, ...] = attrs.field(default=REPLACEABLE, converter=_names)

    def __attrs_post_init__(self) -> None:
        for reason in self._wrong():
            raise UsageError(f"unique: {reason}")

    def _wrong(self) -> Iterable[str]:
        yield from _wrong_args(self.args)
        for name in ("kind", "queue"):
            if not isinstance(getattr(self, name), bool):
                yield f"{name} is True or False, not {getattr(self, name)!r:.200}"
        if not (self.args or self.kind or self.queue):
            yield "without args, kind and queue, all jobs would be the same"
        if self.period is not None and not _is_period(self.period):
            most = f"{LONGEST_PERIOD_SECONDS:,.0f}"
            yield f"period is {self.period!r:.200}; give seconds, from 1 to {most}"
        if not is_closed(self.states):
            yield (
                f"states {_shown(self.states)} would let a run end in a state whose key another "
                f"holds; give runtime.unique.UNFINISHED with any of cancelled, discarded and "
                f"completed, or runtime.unique.BEFORE_ITS_RUN"
            )
        if self.on_conflict not in ("keep", "replace", "fail"):
            yield f"on_conflict is keep, replace or fail, not {self.on_conflict!r:.200}"
        if not _are_fields(self.replace):
            yield f"replace names some of {', '.join(REPLACEABLE)}, not {self.replace!r:.200}"

    @property
    def names(self) -> tuple[str, ...]:
        """The args that are named, if any."""
        return () if isinstance(self.args, bool) else self.args

    @property
    def unique_states(self) -> str:
        """The states as the column `unique_states` has them."""
        return "".join("1" if state in self.states else "0" for state in _PLACES)

    def key(self, kind: str, queue: str, args: str) -> bytes:
        """The key of a job whose args are this JSON text, without its period."""
        import hashlib  # loads OpenSSL, which a child without unique jobs can do without

        return hashlib.sha256(self.text(kind, queue, args).encode()).digest()

    def text(self, kind: str, queue: str, args: str) -> str:
        """What the key is the SHA-256 of."""
        parts: dict[str, Any] = {}
        if self.args:
            parts["args"] = self._chosen(msgspec.json.decode(args))
        if self.kind:
            parts["kind"] = kind
        if self.queue:
            parts["queue"] = queue
        return _canonical(parts).decode()

    def _chosen(self, args: Mapping[str, Any]) -> Any:
        if self.args is True:
            return _whole(args)
        names = self.args or ()
        return {name: _whole(args[name]) for name in names if name in args}


def is_closed(states: object) -> bool:
    """Whether no transition but an enqueue and a retry by hand leads into these states."""
    if not isinstance(states, frozenset):
        return False
    if JobState.RUNNING in states:
        return states >= UNFINISHED and states - UNFINISHED <= FINAL_STATES
    return states - {JobState.RETRYABLE} == BEFORE_ITS_RUN


def holds_key(state: JobState, unique_states: str, run_number: int) -> bool:
    """As the SQL function of this name."""
    held = unique_states[_PLACES.index(state)] == "1"
    runs_too = unique_states[_PLACES.index(JobState.RUNNING)] == "1"
    return held and (runs_too or run_number == 0)


def _wrong_args(args: object) -> Iterable[str]:
    if isinstance(args, bool):
        return
    if not isinstance(args, tuple) or not all(isinstance(name, str) for name in args):
        yield f"args is True, False or names of args, not {args!r:.200}"
    elif not args:
        yield "args names none; give False to leave them out"


def _are_fields(names: object) -> bool:
    return isinstance(names, tuple) and set(names) <= set(REPLACEABLE)


def _is_period(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 1 <= value <= LONGEST_PERIOD_SECONDS  # type: ignore[operator]


def _shown(states: object) -> str:
    if not isinstance(states, frozenset):
        return f"{states!r:.200}"
    return ", ".join(sorted(state.value for state in states)) or "(none)"


def _whole(value: Any) -> Any:
    """The value with 1.0 as 1: JSON has one kind of number."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _LARGEST_WHOLE else value
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return value
