"""What a workflow's function meets: errors of steps, waits and children, and of its own history.

Rule: each is raised with the same attributes in the run in which it happened and at every replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from runtime.errors import HeadraceError, RunStopped


class WorkflowError(HeadraceError):
    """Base of what a replay would raise again: a run that ends with one is not retried.

    `headrace job retry` goes on from the failed step.
    """


class StepFailed(WorkflowError):
    """A step's function raised, and its attempts are used up.

    Attributes: name, of the step; error_class and message, of what it raised last (in the run in
    which it did, that is also the cause).
    """

    def __init__(self, name: str, error_class: str, message: str) -> None:
        self.name = name
        self.error_class = error_class
        self.message = message
        super().__init__(f"step {name!r} failed: {error_class}: {message}")

    def __reduce__(self) -> tuple[type[StepFailed], tuple[str, str, str]]:
        return type(self), (self.name, self.error_class, self.message)


class StepTimeout(HeadraceError, TimeoutError):
    """A step's function took longer than the step's timeout. Raised in it; it counts as a try."""


class WaitTimeout(WorkflowError, TimeoutError):
    """What was waited for has not come in time.

    Attributes: name, of the signal or event.
    """

    what = "it"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no {self.what} {name!r} has come in time")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name,)


class SignalTimeout(WaitTimeout):
    """No signal of this name has come in time."""

    what = "signal"


class EventTimeout(WaitTimeout):
    """No event of this name was emitted in time."""

    what = "event"


class ChildFailed(WorkflowError):
    """A child job ended without a result.

    Attributes: job_id; state ("discarded", "cancelled", or "missing": deleted); error_class and
    message of its last failure ("" where there was none); index, of its item in the map, or None.
    """

    def __init__(
        self, job_id: UUID, state: str, error_class: str, message: str, index: int | None = None
    ) -> None:
        self.job_id = job_id
        self.state = state
        self.error_class = error_class
        self.message = message
        self.index = index
        which = "" if index is None else f" (item {index})"
        last = f": {error_class}: {message}" if error_class else ""
        super().__init__(f"child job {job_id}{which} was {state}{last}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.job_id, self.state, self.error_class, self.message, self.index)


class ChildrenFailed(WorkflowError):
    """Child jobs of a map with `failures="all"` ended without a result; all have ended.

    Attributes: count, how many failed; failures, of the first hundred of them, by index; of, how
    many there were.
    """

    def __init__(self, count: int, of: int, failures: tuple[ChildFailed, ...]) -> None:
        self.count = count
        self.of = of
        self.failures = failures
        super().__init__(f"{count} of {of} child jobs failed; the first: {failures[0]}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.count, self.of, self.failures)


class InputMissing(WorkflowError):
    """An output of another job of the graph, which this one takes as an arg, cannot be had.

    Attributes: field, of the args; job_id, whose output it is; state, in which that is.
    """

    def __init__(self, field: str, job_id: UUID, state: str) -> None:
        self.field = field
        self.job_id = job_id
        self.state = state
        super().__init__(f"{field}: the output of job {job_id} cannot be had: it is {state}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.field, self.job_id, self.state)


class GraphFailed(WorkflowError):
    """Jobs of a graph ended without a result; all that had begun have ended.

    Attributes: failures, by the job's name; skipped, names of those that did not begin for that;
    outputs, by name, of those that ended well.
    """

    def __init__(
        self,
        failures: Mapping[str, ChildFailed],
        skipped: tuple[str, ...],
        outputs: Mapping[str, Any],
    ) -> None:
        self.failures = failures
        self.skipped = skipped
        self.outputs = outputs
        first = next((f"; the first: {name!r}: {each}" for name, each in failures.items()), "")
        super().__init__(
            f"{len(failures)} jobs of a graph failed and {len(skipped)} were skipped{first}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.failures, self.skipped, self.outputs)


class WorkflowChanged(WorkflowError):
    """The code asks for another operation than the one that is recorded at this place.

    The job is discarded, with its history kept: mend the code, or run the code of then under the
    version of then, and retry the job.
    Attributes: place; recorded and asked, an operation with its name, or "nothing".
    """

    def __init__(self, place: str, recorded: str, asked: str) -> None:
        self.place = place
        self.recorded = recorded
        self.asked = asked
        super().__init__(
            f"at place {place} this workflow has recorded {recorded}, but its code now asks for "
            f"{asked}; run it with the code that it began with, or mend the order and retry the job"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.place, self.recorded, self.asked)


class RunLost(RunStopped):
    """The job is not this run's any more: the node lost its lease, or somebody deleted it."""
