"""Middleware around enqueue: what a new job passes before it is sent, and what it may become.

Rule: what comes out is held to the same limits as what came in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runtime import payload
from runtime.errors import UsageError
from runtime.job import NewJob
from runtime.payload import PayloadLimits

Next = Callable[[NewJob], NewJob]
AroundEnqueue = Callable[[NewJob, Next], NewJob]


def passed(job: NewJob, layers: Sequence[AroundEnqueue], limits: PayloadLimits) -> NewJob:
    """The job as the layers leave it. Raises: what they raise; UsageError, PayloadError."""
    made = _go_on(job, layers)
    if (made.id, made.kind) != (job.id, job.kind):
        raise UsageError(f"a middleware around enqueue made {made.kind} {made.id} of {job.kind}")
    for field in ("args", "metadata"):
        text = getattr(made, field)
        if text != getattr(job, field):
            payload.check_text(field, text)
            payload.check_size(field, text, limits)
    return made


def _go_on(job: NewJob, layers: Sequence[AroundEnqueue]) -> NewJob:
    if not layers:
        return job
    made: Any = layers[0](job, lambda other: _go_on(other, layers[1:]))
    if not isinstance(made, NewJob):
        name = getattr(layers[0], "__name__", repr(layers[0]))
        raise UsageError(f"{name}, around enqueue, returned {made!r:.200}; return call(job)")
    return made
