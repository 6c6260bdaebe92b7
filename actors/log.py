"""The log observer: what of a node's events people want to read, and how urgent each is.

Rules: one line an event; nothing for a success that happens all the time. Error: work was lost or
cannot go on by itself. Warning: something was put right and may need a look. Info: now and then.
Debug: a line for each claim, ack and run. The program configures logging; nothing here does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from actors import events

logger = logging.getLogger("headrace")

_Line = Callable[[Any], tuple[int, str, tuple[object, ...]] | None]
_DEBUG, _INFO, _WARNING, _ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR


def log(event: events.Event) -> None:
    """Write an event to the logger `headrace`, with the event itself as `record.event`."""
    if isinstance(event, events.RunsEnded):
        quiet = not logger.isEnabledFor(_DEBUG)
        for run in event.runs:
            if run.error or not quiet:
                _write(run)
    else:
        _write(event)


def _write(event: events.Event | events.RunEnded) -> None:
    line = _LINES.get(type(event))
    written = line(event) if line is not None else None
    if written is not None:
        level, text, values = written
        if logger.isEnabledFor(level):
            logger.log(level, text, *values, extra={"event": event})


def _always(level: int, text: str, *fields: str) -> _Line:
    """A line with these fields of the event as its values."""

    def line(event: Any) -> tuple[int, str, tuple[object, ...]]:
        return level, text, tuple(getattr(event, field) for field in fields)

    return line


def _if_any(level: int, text: str, *fields: str) -> _Line:
    """The same, unless the first field is 0 or empty."""
    write = _always(level, text, *fields)
    return lambda event: write(event) if getattr(event, fields[0]) else None


def _run_ended(event: events.RunEnded) -> tuple[int, str, tuple[object, ...]]:
    bad = event.outcome in ("failed", "discarded") or (event.outcome == "snoozed" and event.error)
    level = _WARNING if bad else _DEBUG
    reason = f": {event.error}" if event.error else ""
    values = (event.kind, event.job_id, event.outcome, event.run_seconds, reason)
    return level, "run of %s %s %s after %.3g s%s", values


def _acked(event: events.Acked) -> tuple[int, str, tuple[object, ...]]:
    if event.stale:
        jobs = ", ".join(f"{job_id} run {number}" for job_id, number in event.stale[:10])
        text = "%d outcomes came too late and changed nothing: %s"
        return _WARNING, text, (len(event.stale), jobs)
    return _DEBUG, "acked %d outcomes in %.3g s", (event.written, event.seconds)


def _claimed(event: events.Claimed) -> tuple[int, str, tuple[object, ...]]:
    jobs = sum(event.jobs.values())
    values = (jobs, event.places, event.seconds)
    return _DEBUG, "claimed %d jobs for %d places in %.3g s", values


def _child_died(event: events.ChildDied) -> tuple[int, str, tuple[object, ...]]:
    how = event.signal or (f"exit status {event.exit_status}" if event.exit_status else event.cause)
    running = f" while it ran job {event.job_id}" if event.job_id else ""
    return _WARNING, "child %d (pid %d) died: %s%s", (event.worker, event.pid, how, running)


def _drain_ended(event: events.DrainEnded) -> tuple[int, str, tuple[object, ...]]:
    level = _WARNING if event.given_back else _INFO
    return level, "drained in %.3g s; %d jobs given back", (event.seconds, event.given_back)


def _pruned(event: events.Pruned) -> tuple[int, str, tuple[object, ...]] | None:
    if not event.jobs and not event.events:
        return None
    return _INFO, "pruned %d jobs and %d events of workflows", (event.jobs, event.events)


def _listener_lost(event: events.ListenerLost) -> tuple[int, str, tuple[object, ...]]:
    return _WARNING, "no longer listening; the poll finds work until we do again", ()


_LINES: dict[type, _Line] = {
    events.PayloadWarned: _always(
        _WARNING, "%s of %s job %s is %d bytes; the limit is %d",
        "field", "kind", "job_id", "size", "limit",
    ),
    events.PayloadRefused: _always(
        _WARNING, "%s of %s job %s refused: %s", "field", "kind", "job_id", "reason"
    ),
    events.Claimed: _claimed,
    events.Released: _if_any(_INFO, "gave %d jobs back: %s", "jobs", "reason"),
    events.RunInterrupted: _always(
        _WARNING, "telling %s %s to stop: %s", "kind", "job_id", "reason"
    ),
    events.RunEnded: _run_ended,
    events.Acked: _acked,
    events.NotesLost: _always(_WARNING, "%d notes of runs are lost: %s", "notes", "reason"),
    events.Recorded: _always(_DEBUG, "recorded %d steps in %.3g s", "steps", "seconds"),
    events.Woken: _always(_DEBUG, "%d workflows go on", "jobs"),
    events.WakeRefused: _always(
        _WARNING, "told of an event %r that cannot be: %s", "event", "problem"
    ),
    events.RunInDoubt: _always(
        _WARNING,
        "%s job %s was completed in a transaction that is still open %.3g s after its run",
        "kind", "job_id", "seconds",
    ),
    events.ForkServerStarted: _always(
        _INFO, "fork server (pid %d) serves %d kinds after %.3g s", "pid", "kinds", "seconds"
    ),
    events.ForkServerDied: _always(_ERROR, "fork server (pid %d) died: %s", "pid", "cause"),
    events.ChildStarted: _always(
        _DEBUG, "child %d (pid %d) ready after %.3g s", "worker", "pid", "seconds"
    ),
    events.ChildDied: _child_died,
    events.ChildKilled: _always(
        _WARNING, "killing child %d (pid %d), job %s: %s", "worker", "pid", "job_id", "reason"
    ),
    events.ChildRecycled: _always(
        _INFO, "replacing child %d (pid %d): %s", "worker", "pid", "reason"
    ),
    events.ListenerLost: _listener_lost,
    events.ListenerBack: lambda event: (_INFO, "listening", ()),
    events.NodeJoined: _always(
        _INFO, "joined as node %d, %s, with a lease of %g s", "node_id", "name", "lease_seconds"
    ),
    events.LeaseLost: _always(_ERROR, "node %d lost its lease: %s", "node_id", "reason"),
    events.DrainBegan: _always(
        _INFO, "draining: %d jobs may end within %g s", "running", "seconds"
    ),
    events.DrainEnded: _drain_ended,
    events.StoreLost: _always(_WARNING, "%s cannot reach the database: %s", "actor", "reason"),
    events.StoreBack: _always(_INFO, "%s reached the database after %.3g s", "actor", "seconds"),
    events.TermBegan: _always(_INFO, "leader, term %d", "number"),
    events.TermEnded: _always(_INFO, "no longer leader, term %d: %s", "number", "reason"),
    events.Rescued: _if_any(
        _WARNING, "rescued %d jobs of %s; %d had no attempts left", "jobs", "nodes", "discarded"
    ),
    events.Staged: _if_any(_DEBUG, "staged %d jobs", "jobs"),
    events.Pruned: _pruned,
    events.Expired: _if_any(_INFO, "discarded %d jobs that waited past their deadline", "jobs"),
    events.Fired: _if_any(_DEBUG, "added %d jobs of %d schedules", "jobs", "schedules"),
    events.FiringsMissed: _always(
        _WARNING, "firings were missed and left out, of the schedules: %s", "schedules"
    ),
    events.ScheduleBroken: _always(
        _ERROR, "schedule %s does not fire: %s", "schedule", "problem"
    ),
    events.SchedulesDeclared: _always(
        _INFO, "the app defines %d schedules, %d of them new or changed", "schedules", "changed"
    ),
    events.Reindexed: _always(
        _INFO, "built index %s anew: %d bytes before, %d after, in %.3g s",
        "index", "bytes_before", "bytes_after", "seconds",
    ),
}  # fmt: skip
