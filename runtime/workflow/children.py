"""Child jobs: of a run, of a map, and those that are started and left alone.

    new ─▶ Spawn, in chunks, the last with the open record ─▶ the run ends
    woken ─▶ Collect, in chunks ─▶ recorded: outputs, or failures

Rules: a child's id is made of its parent's and its place, so that to spawn again adds nothing. What
came of the children is recorded with the step; where that is too much, they are asked again. That
they are there is known before the run ends: a refusal is raised where they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from runtime.errors import PayloadError, UsageError
from runtime.handler_enqueue import Enqueuer
from runtime.job import NewJob
from runtime.lifecycle import FINAL_STATES, JobState
from runtime.payload import MIB, byte_size
from runtime.workflow.failures import ChildFailed, ChildrenFailed, WorkflowChanged
from runtime.workflow.flow import Flow, Wait
from runtime.workflow.history import briefly
from runtime.workflow.ids import child_id
from runtime.workflow.inputs import of
from runtime.workflow.records import (
    ChildResult,
    Collect,
    Collected,
    Recalled,
    Spawn,
    StepError,
)
from runtime.workflow.spot import Spot
from runtime.workflow.strand import Strand

# Jobs of one ask: a statement of some milliseconds, and a frame far below the largest.
_CHUNK_JOBS = 1000
_CHUNK_BYTES = 4 * MIB
# Outputs of a map that together take more are not kept twice.
KEPT_BYTES = 1 * MIB
# Of a map's failures so many are kept, each with so much of its message.
_MOST_FAILURES = 100
MESSAGE_CHARACTERS = 1000

_FINAL = frozenset(state.value for state in FINAL_STATES) | {"missing"}


class _Failed(msgspec.Struct, frozen=True, array_like=True):
    """One child that failed, as it is recorded."""

    index: int
    id: UUID
    state: str
    error_class: str
    message: str


class _Failures(msgspec.Struct, frozen=True):
    """What is recorded of children that failed."""

    count: int
    of: int
    failed: tuple[_Failed, ...]


class _Elsewhere(msgspec.Struct, frozen=True):
    """Recorded in place of outputs that are too large: they are those of this job's children."""

    of: UUID
    seed: str
    count: int


class Children:
    """Child jobs that a strand waits for.

    Args: calls: args and keyword args of each. name: as it is recorded; the kind by default.
    """

    op = "map"

    def __init__(
        self,
        target: Enqueuer[Any, Any],
        calls: Sequence[tuple[Sequence[Any], Mapping[str, Any]]],
        max_in_flight: int | None = None,
        failures: str = "first",
        name: str | None = None,
    ) -> None:
        self._enqueuer = _checked_target(target)
        self._target = target.target
        self._name = name or self._target.kind
        self._calls = calls
        self._max_in_flight = _checked_bound(max_in_flight)
        if failures not in ("first", "all"):
            raise UsageError(f'failures is "first" or "all", not {failures!r:.100}')
        self._mode = failures

    def __call__(self, strand: Strand) -> Flow[list[Any]]:
        """Its flow. Raises: ChildFailed, ChildrenFailed, ArgsInvalid, PayloadError."""
        spot = yield from strand.enter(self.op, self._name)
        seen = spot.seen
        if seen is None:
            if not self._calls:
                strand.put(spot.record(output="[]"))
                return []
            yield from self._spawn(strand, spot)
            raise strand.suspend(seconds=None, waits=briefly(self.op, self._name))
        if seen.done:
            return (yield from self._replayed(strand, spot, seen))
        self._check_count(strand, spot, seen)
        if not seen.over:
            raise strand.wait_on(seen)
        return (yield from self._gathered(strand, spot))

    def _check_count(self, strand: Strand, spot: Spot, seen: Recalled) -> None:
        """Raises: WorkflowChanged, where the items are not so many as they were."""
        kept = msgspec.json.decode(strand.session.opened(seen.output) or "{}")
        count = kept.get("of", kept.get("count"))  # of one that failed and is tried again: both
        if count != len(self._calls):
            told = f"{self.op} {spot.name!r} of {{}} items".format
            changed = WorkflowChanged(spot.place, told(count), told(len(self._calls)))
            raise strand.session.changed(changed)

    # --- begin ------------------------------------------------------------------------------------

    def _spawn(self, strand: Strand, spot: Spot) -> Flow[None]:
        step = spot.record(
            done=False,
            mode=self._mode,
            max_in_flight=self._max_in_flight,
            output=f'{{"count":{len(self._calls)}}}',
        )
        yield from strand.settle()
        first = 0
        for jobs in self._chunks(strand.session.id, strand.session.seed(spot.place)):
            more = first + len(jobs) < len(self._calls)
            ticket = strand.session.ask(Spawn(step, tuple(jobs), first=first, more=more))
            first += len(jobs)
            strand.session.checked((yield Wait(ticket)))
        strand.session.past.opened(step)

    def _chunks(self, parent: UUID, seed: str) -> Iterable[list[NewJob]]:
        chunk: list[NewJob] = []
        size = 0
        for index in range(len(self._calls)):
            job = self._child(parent, seed, index)
            chunk.append(job)
            size += len(job.args)
            if len(chunk) >= _CHUNK_JOBS or size >= _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _child(self, parent: UUID, seed: str, index: int) -> NewJob:
        args, kwargs = self._calls[index]
        try:
            return new_child(self._enqueuer, child_id(parent, seed, index), args, kwargs)
        except PayloadError as error:
            whose = f"child {self._name!r}"
            raise of(error, whose if self.op == "run" else f"{whose}, item {index}") from None

    # --- end --------------------------------------------------------------------------------------

    def _gathered(self, strand: Strand, spot: Spot) -> Flow[list[Any]]:
        parent, seed = strand.session.id, strand.session.seed(spot.place)
        results = yield from collected(strand, spot.place, seed, parent, len(self._calls))
        failures = _failures_of(parent, seed, results, self._mode)
        if failures is None and any(each.state not in _FINAL for each in results):
            raise strand.suspend(seconds=None, waits=briefly(self.op, self._name))
        if failures is not None:
            text = msgspec.json.encode(failures).decode()
            error = self._error(failures)
            told = StepError(type(error).__name__, str(error))
            # With what a retry, which opens it again, goes by.
            bound, mode = self._max_in_flight, self._mode
            output = strand.session.sealed(text)
            strand.put(spot.record(output=output, error=told, mode=mode, max_in_flight=bound))
            raise error
        texts = self._texts(parent, seed, results)
        kept = self._kept(texts, parent, seed)
        strand.put(spot.record(output=strand.session.sealed(kept)))
        return self._values(texts)

    def _texts(self, parent: UUID, seed: str, results: Sequence[ChildResult]) -> list[str | None]:
        """Outputs of children, opened."""
        unseal, kind = self._target.sealer.unseal, self._target.kind
        return [
            None
            if each.output is None
            else unseal("output", each.output, kind, child_id(parent, seed, index))
            for index, each in enumerate(results)
        ]

    def _kept(self, texts: Sequence[str | None], parent: UUID, seed: str) -> str:
        if sum(0 if text is None else byte_size(text) for text in texts) > KEPT_BYTES:
            return msgspec.json.encode(_Elsewhere(parent, seed, len(texts))).decode()
        return f"[{','.join('null' if text is None else text for text in texts)}]"

    def _values(self, texts: Iterable[str | None]) -> list[Any]:
        return [self._target.decode_output(text) for text in texts]

    def _replayed(self, strand: Strand, spot: Spot, seen: Recalled) -> Flow[list[Any]]:
        text = strand.session.opened(seen.output) or "[]"
        if seen.error is not None:
            raise self._error(msgspec.json.decode(text, type=_Failures))
        if text.startswith("["):
            found = msgspec.json.decode(text, type=list[msgspec.Raw])
            return self._values(None if raw == b"null" else bytes(raw).decode() for raw in found)
        kept = msgspec.json.decode(text, type=_Elsewhere)
        results = yield from collected(strand, spot.place, kept.seed, kept.of, kept.count)
        lost = _failures_of(kept.of, kept.seed, results, "all")
        if lost is not None:
            raise self._error(lost)
        return self._values(self._texts(kept.of, kept.seed, results))

    def _error(self, failures: _Failures) -> ChildFailed | ChildrenFailed:
        errors = tuple(
            ChildFailed(each.id, each.state, each.error_class, each.message, self._index(each))
            for each in failures.failed
        )
        if self._mode == "first":
            return errors[0]
        return ChildrenFailed(failures.count, failures.of, errors)

    def _index(self, failed: _Failed) -> int | None:
        return failed.index


class Child(Children):
    """One child job that a strand waits for."""

    op = "run"

    def __init__(
        self,
        target: Enqueuer[Any, Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        name: str | None = None,
    ) -> None:
        super().__init__(target, [(args, kwargs)], name=name)

    def only(self, strand: Strand) -> Flow[Any]:
        """Its flow, with the one output."""
        (output,) = yield from self(strand)
        return output

    def _index(self, failed: _Failed) -> None:
        return None


class Start:
    """A job that the strand does not wait for. Its flow gives its id."""

    def __init__(
        self, target: Enqueuer[Any, Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        self._enqueuer = _checked_target(target)
        self._args = args
        self._kwargs = kwargs

    def __call__(self, strand: Strand) -> Flow[UUID]:
        """Its flow. Raises: ArgsInvalid, PayloadError."""
        spot = yield from strand.enter("start", self._enqueuer.target.kind)
        if spot.seen is not None:
            return UUID(msgspec.json.decode(spot.seen.output or '""'))
        job_id = child_id(strand.session.id, strand.session.seed(spot.place), 0)
        try:
            job = new_child(self._enqueuer, job_id, self._args, self._kwargs)
        except PayloadError as error:
            raise of(error, f"job {self._enqueuer.target.kind!r}") from None
        step = spot.record(output=f'"{job_id}"')
        yield from strand.settle()
        strand.session.checked((yield Wait(strand.session.ask(Spawn(step, (job,), detached=True)))))
        return job_id


def collected(
    strand: Strand, place: str, seed: str, parent: UUID, count: int
) -> Flow[list[ChildResult]]:
    """How the first `count` child jobs that were made with this seed have ended."""
    results: list[ChildResult] = []
    while len(results) < count:
        wanted = range(len(results), min(count, len(results) + _CHUNK_JOBS))
        ids = tuple(child_id(parent, seed, index).bytes for index in wanted)
        answer = yield Wait(strand.session.ask(Collect(place, ids)))
        page = strand.session.checked(answer)
        assert isinstance(page, Collected)
        results += page.results
    return results


def new_child(
    enqueuer: Enqueuer[Any, Any], job_id: UUID, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> NewJob:
    """The job. Raises: UsageError, ArgsInvalid, PayloadError."""
    return made_child(enqueuer, job_id, lambda chosen: chosen.new_job(*args, **kwargs))


def made_child(
    enqueuer: Enqueuer[Any, Any], job_id: UUID, make: Callable[[Enqueuer[Any, Any]], NewJob]
) -> NewJob:
    """The job that `make` makes, with its id. Raises: UsageError, and what that raises."""
    job = make(enqueuer.with_options(id=job_id))
    if job.unique_key is not None:
        raise UsageError(
            f"{job.kind} is unique, so another job might stand for the child; run it as "
            f"{job.kind}.with_options(unique=False)"
        )
    return job


def _failures_of(
    parent: UUID, seed: str, results: Sequence[ChildResult], mode: str
) -> _Failures | None:
    """Those that failed, if there are any; of mode "all": once all have ended."""
    failed = [
        (index, each)
        for index, each in enumerate(results)
        if each.state in _FINAL and each.state != JobState.COMPLETED.value
    ]
    if not failed or (mode == "all" and any(each.state not in _FINAL for each in results)):
        return None
    most = 1 if mode == "first" else _MOST_FAILURES
    told = tuple(
        _Failed(
            index,
            child_id(parent, seed, index),
            each.state,
            each.error_class,
            each.message[:MESSAGE_CHARACTERS],
        )
        for index, each in failed[:most]
    )
    return _Failures(len(failed), len(results), told)


def _checked_target(target: object) -> Enqueuer[Any, Any]:
    if not isinstance(target, Enqueuer):
        raise UsageError(
            f"a child job is of a handler, or of a Kind, not {target!r:.200}; "
            f"a plain function is called by ctx.step"
        )
    return target


def _checked_bound(max_in_flight: object) -> int | None:
    if max_in_flight is None:
        return None
    if not isinstance(max_in_flight, int) or isinstance(max_in_flight, bool) or max_in_flight < 1:
        raise UsageError(f"max_in_flight is 1 or more, not {max_in_flight!r:.100}")
    return max_in_flight
