"""A graph in a workflow: its jobs are child jobs, inserted at once with what each comes after.

    new ─▶ Spawn, the last with the open record and the dependencies ─▶ the run ends
    all have ended ─▶ Collect, in chunks ─▶ recorded: outputs, or who failed and who was skipped

Rules: those of `runtime.workflow.children`. The workflow holds no worker while the graph goes on,
and is not woken for it: the database lets jobs begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from runtime.errors import UsageError
from runtime.job import NewJob
from runtime.payload import MIB, byte_size
from runtime.workflow.children import KEPT_BYTES, MESSAGE_CHARACTERS, collected
from runtime.workflow.failures import ChildFailed, GraphFailed, WorkflowChanged
from runtime.workflow.flow import Flow, Wait
from runtime.workflow.graph import Graph
from runtime.workflow.graph_end import GraphEnd, ended, outputs_of, texts_of
from runtime.workflow.graph_plan import Planned, planned
from runtime.workflow.ids import child_id
from runtime.workflow.records import ChildResult, Recalled, Spawn, StepError
from runtime.workflow.spot import Spot
from runtime.workflow.strand import Strand

# Of one ask: a statement of a tenth of a second, and a frame far below the largest.
_CHUNK_JOBS = 5000
_CHUNK_BYTES = 8 * MIB


class _Failed(msgspec.Struct, frozen=True, array_like=True):
    index: int
    id: UUID
    state: str
    error_class: str
    message: str


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is recorded: outputs in the order of the jobs, null for those without; or whose children
    have them, where they are too large to be kept twice."""

    of: int
    parent: UUID
    seed: str
    outputs: list[msgspec.Raw] | None = None
    failed: tuple[_Failed, ...] = ()
    skipped: tuple[int, ...] = ()


class GraphRun:
    """A graph, as a strand runs it."""

    op = "map"

    def __init__(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise UsageError(f"ctx.graph takes a Graph, not {graph!r:.200}")
        self._graph = graph
        self._jobs = graph.jobs

    def __call__(self, strand: Strand) -> Flow[dict[str, Any]]:
        """Its flow: the outputs by name. Raises: GraphFailed, once all that began has ended."""
        spot = yield from strand.enter(self.op, self._graph.name)
        seen = spot.seen
        if seen is None:
            if not self._jobs:
                strand.put(spot.record(output="null"))
                return {}
            yield from self._spawn(strand, spot)
            raise strand.suspend(seconds=None)
        kept = self._kept(strand, spot, seen)
        if not seen.done and not seen.over:
            raise strand.wait_on(seen)
        if kept is None:
            return {}
        if seen.done:
            return (yield from self._replayed(strand, spot, kept))
        return (yield from self._gathered(strand, spot))

    def _kept(self, strand: Strand, spot: Spot, seen: Recalled) -> _Kept | None:
        """What is recorded. Raises: WorkflowChanged, where the jobs were not so many."""
        text = strand.session.opened(seen.output) or "null"
        kept = msgspec.json.decode(text, type=_Kept | None)
        count = 0 if kept is None else kept.of
        if count != len(self._jobs):
            told = f"graph {spot.name!r} of {{}} jobs".format
            changed = WorkflowChanged(spot.place, told(count), told(len(self._jobs)))
            raise strand.session.changed(changed)
        return kept

    # --- begin ------------------------------------------------------------------------------------

    def _spawn(self, strand: Strand, spot: Spot) -> Flow[None]:
        parent, seed = strand.session.id, strand.session.seed(spot.place)
        plan = planned(self._graph, parent, seed)
        text = msgspec.json.encode(_Kept(len(plan.jobs), parent, seed)).decode()
        output = strand.session.sealed(text)
        step = spot.record(done=False, mode=self._graph.failures, output=output)
        yield from strand.settle()
        for ask in _asks(plan, step):
            strand.session.checked((yield Wait(strand.session.ask(ask))))
        strand.session.past.opened(step)

    # --- end --------------------------------------------------------------------------------------

    def _gathered(self, strand: Strand, spot: Spot) -> Flow[dict[str, Any]]:
        parent, seed = strand.session.id, strand.session.seed(spot.place)
        results = yield from collected(strand, spot.place, seed, parent, len(self._jobs))
        end = ended(self._graph, results)
        if not end.final:
            raise strand.suspend(seconds=None)
        texts = self._texts(parent, seed, results)
        kept = _Kept(
            len(self._jobs), parent, seed, _small(texts), _failed(end, parent, seed), end.skipped
        )
        output = strand.session.sealed(msgspec.json.encode(kept).decode())
        error = self._error(kept, texts)
        if error is None:
            strand.put(spot.record(output=output, mode=self._graph.failures))
            return self._outputs(kept, texts)
        told = StepError(type(error).__name__, str(error))
        strand.put(spot.record(output=output, error=told, mode=self._graph.failures))
        raise error

    def _replayed(self, strand: Strand, spot: Spot, kept: _Kept) -> Flow[dict[str, Any]]:
        if kept.outputs is not None:
            raws = (bytes(raw).decode() for raw in kept.outputs)
            texts = [None if text == "null" else text for text in raws]
        else:
            found = yield from collected(strand, spot.place, kept.seed, kept.parent, kept.of)
            texts = self._texts(kept.parent, kept.seed, found)
        error = self._error(kept, texts)
        if error is not None:
            raise error
        return self._outputs(kept, texts)

    def _texts(self, parent: UUID, seed: str, results: Sequence[ChildResult]) -> list[str | None]:
        ids = [child_id(parent, seed, index) for index in range(len(results))]
        return texts_of(self._graph, ids, results)

    def _outputs(self, kept: _Kept, texts: Sequence[str | None]) -> dict[str, Any]:
        without = {each.index for each in kept.failed}.union(kept.skipped)
        return outputs_of(self._graph, texts, without)

    def _error(self, kept: _Kept, texts: Sequence[str | None]) -> GraphFailed | None:
        if not kept.failed and not kept.skipped:
            return None
        failures = {
            self._jobs[each.index].name: ChildFailed(
                each.id, each.state, each.error_class, each.message
            )
            for each in kept.failed
        }
        skipped = tuple(self._jobs[index].name for index in kept.skipped)
        return GraphFailed(failures, skipped, self._outputs(kept, texts))


def _asks(plan: Planned, step: Any) -> Iterable[Spawn]:
    chunk: list[NewJob] = []
    first = size = 0
    for job in plan.jobs:
        if chunk and (len(chunk) >= _CHUNK_JOBS or size + len(job.args) > _CHUNK_BYTES):
            yield Spawn(step, tuple(chunk), first=first, more=True)
            first += len(chunk)
            chunk, size = [], 0
        chunk.append(job)
        size += len(job.args)
    yield Spawn(step, tuple(chunk), first=first, after=plan.after)


def _small(texts: Sequence[str | None]) -> list[msgspec.Raw] | None:
    if sum(0 if text is None else byte_size(text) for text in texts) > KEPT_BYTES:
        return None
    return [msgspec.Raw(b"null" if text is None else text.encode()) for text in texts]


def _failed(end: GraphEnd, parent: UUID, seed: str) -> tuple[_Failed, ...]:
    return tuple(
        _Failed(
            index,
            child_id(parent, seed, index),
            result.state,
            result.error_class,
            result.message[:MESSAGE_CHARACTERS],
        )
        for index, result in end.failed
    )
