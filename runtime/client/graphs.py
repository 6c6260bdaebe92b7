"""Graphs that clients enqueue: what is sent, and how they ended.

Rules: one statement of one parameter, so that every library sends it in the caller's own
transaction: root, jobs and dependencies exist if and only if that commits. Ids are made of the
root's by a rule, so that to enqueue it again, with the same root, adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime import payload
from runtime.client.database import Database
from runtime.client.results import Progress
from runtime.client.statements import statement
from runtime.codec.sealer import Sealer
from runtime.errors import JobFailed, UsageError
from runtime.external_id import external_id as named_id
from runtime.graph_node import ROOT_KIND, GraphNode
from runtime.handler_enqueue import Kind, Target
from runtime.handler_options import check_name, check_tags
from runtime.ids import uuid7
from runtime.job_entry import as_json
from runtime.lifecycle import JobState
from runtime.workflow.failures import ChildFailed, GraphFailed
from runtime.workflow.graph import Graph
from runtime.workflow.graph_end import ended, outputs_of, texts_of
from runtime.workflow.graph_plan import planned
from runtime.workflow.ids import child_id
from runtime.workflow.records import ChildResult

_SEED = "1"
_MISSING = ChildResult("missing")


@attrs.frozen
class NewGraph:
    """A graph, checked and encoded, ready to be written. `parameter`: as the statement takes it."""

    graph: Graph
    id: UUID
    namespace: str
    parameter: str = attrs.field(repr=False)

    @property
    def target(self) -> Target[Any]:
        """What its root is."""
        return Kind(ROOT_KIND, namespace=self.namespace)


def new_graph(
    graph: Graph,
    *,
    id: UUID | None = None,  # noqa: A002 - the word for it
    external_id: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
) -> NewGraph:
    """Check and encode a graph. Raises: UsageError, ArgsInvalid, PayloadError."""
    if not getattr(graph, "jobs", None) or type(graph) is not Graph:
        raise UsageError(f"enqueue_graph takes a Graph with jobs, not {graph!r:.200}")
    if id is not None and external_id is not None:
        raise UsageError("both id and external_id; give one of them")
    root = _root_of(id, external_id)
    namespaces = {job.target.target.namespace for job in graph.jobs}
    if len(namespaces) > 1:
        raise UsageError(f"jobs of one graph are in one namespace, not in {sorted(namespaces)}")
    plan = planned(graph, root, _SEED)
    given = tuple(tags)
    check_tags(given)
    told = {
        "id": root,
        "queue": check_name("queue", queue or plan.jobs[0].queue),
        "priority": priority,
        "tags": given,
        "metadata": msgspec.Raw(payload.encode("metadata", dict(metadata or {})).encode()),
        "args": {"jobs": len(plan.jobs), "failures": graph.failures},
        "name": graph.name,
        "mode": graph.failures,
        "jobs": msgspec.Raw(as_json(plan.jobs).encode()),
        "after": [
            {"needed": _uuids(one.needed), "hard": one.strict, "waiting": _uuids(one.waiting)}
            for one in plan.after
        ],
    }
    return NewGraph(graph, root, namespaces.pop(), msgspec.json.encode(told).decode())


def _root_of(given: UUID | None, external_id: str | None) -> UUID:
    if given is not None:
        return given
    return uuid7() if external_id is None else graph_id(external_id)


def graph_id(external_id: str) -> UUID:
    """The id of the root of the graph that is, or will be, enqueued with this external id."""
    return named_id(ROOT_KIND, external_id)


def _uuids(ids: Iterable[bytes]) -> list[UUID]:
    return [UUID(bytes=each) for each in ids]


def ids_of(graph: Graph, root: UUID) -> dict[str, UUID]:
    """The ids of its jobs, by name."""
    return {job.name: child_id(root, _SEED, index) for index, job in enumerate(graph.jobs)}


def outcome_of(graph: Graph, root: Progress, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Outputs by name. `rows`: of `client_graph`.

    Raises: GraphFailed; JobFailed, if it was cancelled; OutputInvalid, CodecError.
    """
    if root.state is JobState.CANCELLED:
        told = (root.error_class, root.message, root.trace)
        raise JobFailed(root.job_id, root.state.value, *told)
    ids = list(ids_of(graph, root.job_id).values())
    known = {UUID(str(row[0])): ChildResult(row[3], row[4], row[5], row[6], row[2]) for row in rows}
    results = [known.get(each, _MISSING) for each in ids]
    end = ended(graph, results)
    without = {index for index, _ in end.failed}.union(end.skipped)
    outputs = outputs_of(graph, texts_of(graph, ids, results), without)
    if not without:
        return outputs
    failures = {
        graph.jobs[index].name: ChildFailed(ids[index], each.state, each.error_class, each.message)
        for index, each in end.failed
    }
    raise GraphFailed(failures, tuple(graph.jobs[index].name for index in end.skipped), outputs)


def plain_outputs(rows: Sequence[Sequence[Any]], sealer: Sealer) -> dict[str, Any]:
    """Outputs by name, as plain JSON values. `rows`: of `client_graph`. Raises: CodecError."""
    return {row[1]: _plain(row, sealer) for row in rows}


def _plain(row: Sequence[Any], sealer: Sealer) -> Any:
    if row[4] is None:
        return None
    return msgspec.json.decode(sealer.unseal("output", row[4], row[2], UUID(str(row[0]))))


class GraphWork:
    """What clients with a pool do with graphs. Raises: StoreUnavailable, SchemaNotMigrated."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enqueue(self, new: NewGraph) -> bool:
        """Whether it is new; tried again when the database breaks off."""
        (row,) = await self._fetch("enqueue_graph", new.parameter)
        return bool(row["inserted"])

    async def rows(self, root: UUID) -> list[Sequence[Any]]:
        """Of `client_graph`."""
        return [tuple(row.values()) for row in await self._fetch("graph", str(root))]

    async def nodes(self, root: UUID) -> list[GraphNode]:
        """The jobs of a job's graphs, each with what it comes after; none, where it has none."""
        rows = await self.rows(root)
        after = await self._fetch("graph_after", str(root)) if rows else []
        return nodes_of(rows, [(row["needed"], row["waiting"]) for row in after])

    async def _fetch(self, name: str, value: str) -> list[Any]:
        text = statement(name, self._database.namespace)
        rows: list[Any] = await self._database.run(lambda conn: conn.fetch(text, value))
        return rows


def nodes_of(rows: Sequence[Sequence[Any]], after: Sequence[tuple[str, str]]) -> list[GraphNode]:
    """From the rows of `client_graph` and `client_graph_after`; each after those before it."""
    names = {UUID(str(row[0])): row[1] or str(row[0]) for row in rows}
    before: dict[UUID, tuple[str, ...]] = {}
    for needed, waiting in after:
        told = tuple(names[each] for each in _ids(needed) if each in names)
        before.update(dict.fromkeys(_ids(waiting), told))
    made = [
        GraphNode(
            names[UUID(str(row[0]))],
            UUID(str(row[0])),
            row[2],
            JobState(row[3]),
            row[7],
            row[8],
            row[5],
            row[6],
            before.get(UUID(str(row[0])), ()),
        )
        for row in rows
    ]
    return _in_order(made)


def _in_order(nodes: Sequence[GraphNode]) -> list[GraphNode]:
    depth: dict[tuple[str, str], int] = {}
    left = list(nodes)
    while left:
        ready = [
            each for each in left if all((each.place, name) in depth for name in each.after)
        ] or left
        for each in ready:
            depth[each.place, each.name] = 1 + max(
                (depth.get((each.place, name), 0) for name in each.after), default=0
            )
        left = [each for each in left if (each.place, each.name) not in depth]
    return sorted(nodes, key=lambda each: (each.place, depth[each.place, each.name], each.name))


def _ids(text: str) -> list[UUID]:
    return msgspec.json.decode(text, type=list[UUID])
