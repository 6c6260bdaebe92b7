"""Events: what happened to a job or a queue, for whoever has subscribed.

Rules: at most once. An event tells of something that is written already; one that did not reach its
subscriber is not repeated, so what must not be missed belongs into the database, or into a job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from runtime.errors import UsageError

EVENTS = (
    "completed",
    "failed",  # and will run again
    "discarded",
    "cancelled",
    "snoozed",  # by its handler; and will run again, at a time
    "suspended",  # a workflow waits; and will run again
    "rescued",  # from a dead node; and will run again
    "paused",  # a queue; so is the next
    "resumed",
)


class Event(msgspec.Struct, frozen=True):
    """What happened. Of a queue's events, `queue` and `at` alone are set.

    It says no more than whoever may connect to the database may hear: the rest is in the job. What
    a node tells the program that embeds it has the time of its machine, a failure's message, and of
    a rescue, how many `jobs` it was of.
    """

    event: str  # one of EVENTS
    at: datetime  # by the database's clock
    queue: str
    job_id: UUID | None = None
    kind: str | None = None
    state: str | None = None  # what the job has come to
    run_number: int | None = None
    attempt: int | None = None
    max_attempts: int | None = None
    error: str | None = None  # "ValueError" of a failure; in process "ValueError: message"
    # Of the failure: the process that ran it, and, if it died in the run, how.
    pid: int | None = None
    exit_status: int | None = None
    signal: str | None = None  # such as "SIGKILL"
    jobs: int = 1
    waits: str | None = None  # of a suspended workflow: for what, such as "signal approved"


class EventFilter(msgspec.Struct, frozen=True):
    """Which events are wanted: all given conditions hold. None: any."""

    events: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    queues: frozenset[str] | None = None

    def wants(self, event: Event) -> bool:
        """Whether this one is. An event of a queue has no kind, so a filter by kinds drops it."""
        return (
            (self.events is None or event.event in self.events)
            and (self.kinds is None or event.kind in self.kinds)
            and (self.queues is None or event.queue in self.queues)
        )


def event_filter(
    events: Iterable[str], kinds: Iterable[str] | None, queues: Iterable[str] | None
) -> EventFilter:
    """As people give it; no events: all. Raises: UsageError, for an event that there is not."""
    wanted = frozenset(events)
    unknown = sorted(wanted.difference(EVENTS))
    if unknown:
        raise UsageError(f"no event {unknown[0]!r}; there are {', '.join(EVENTS)}")
    return EventFilter(wanted or None, _names(kinds, "kinds"), _names(queues, "queues"))


def _names(given: Iterable[str] | None, what: str) -> frozenset[str] | None:
    if isinstance(given, str):
        raise UsageError(f"{what}={given!r}: give a list of names")
    return None if given is None else frozenset(given)


def as_list(names: Collection[str] | None) -> list[str] | None:
    """For the database."""
    return None if names is None else sorted(names)


_decoder = msgspec.json.Decoder(list[Event])


def events_of(payload: str) -> list[Event]:
    """The events of a notification. Raises: msgspec.DecodeError, for what anybody has notified."""
    return _decoder.decode(payload)
