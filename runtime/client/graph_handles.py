"""What the enqueue of a graph returns: ids, and the way to its results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, overload
from uuid import UUID

import attrs

from runtime.client.caller import await_end, await_end_async
from runtime.client.connections import AsyncConn, SyncConn, driver_of
from runtime.client.driver import AsyncDriver, SyncDriver
from runtime.client.failures import explained
from runtime.client.graphs import NewGraph, ids_of, new_graph, outcome_of, plain_outputs
from runtime.client.handle import JobHandle
from runtime.client.results import Progress, Reader
from runtime.client.statements import statement
from runtime.workflow.graph import Graph

Rows = Sequence[Sequence[Any]]


@attrs.frozen
class GraphHandle(JobHandle[dict[str, Any]]):
    """A graph that was enqueued. Attributes: id, of its root; inserted; graph.

    `handle["name"]` is the id of one of its jobs. Cancel, pause or retry the root to do so with
    the rest of it.
    """

    graph: Graph = attrs.field(kw_only=True)

    @property
    def ids(self) -> Mapping[str, UUID]:
        """Of its jobs, by name."""
        return ids_of(self.graph, self.id)

    def __getitem__(self, name: str) -> UUID:
        return self.ids[name]


@attrs.frozen
class ClientGraph(GraphHandle):
    """A graph that a Client enqueued."""

    _wait: Callable[[UUID, float | None], Progress] = attrs.field(kw_only=True, repr=False)
    _rows: Callable[[UUID], Rows] = attrs.field(kw_only=True, repr=False)

    def result(self, *, timeout: float | None = None) -> dict[str, Any]:
        """Wait until all its jobs have ended, and return their outputs by name.

        `timeout` in seconds; None: for ever. Raises: GraphFailed, with what ended well; JobFailed,
        if it was cancelled; ResultTimeout, JobNotFound, OutputInvalid, CodecError.
        """
        root = self._wait(self.id, timeout)
        return outcome_of(self.graph, root, self._rows(self.id))


@attrs.frozen
class AsyncClientGraph(GraphHandle):
    """A graph that an AsyncClient or a TrioClient enqueued."""

    _wait: Callable[[UUID, float | None], Awaitable[Progress]] = attrs.field(
        kw_only=True, repr=False
    )
    _rows: Callable[[UUID], Awaitable[Rows]] = attrs.field(kw_only=True, repr=False)

    async def result(self, *, timeout: float | None = None) -> dict[str, Any]:
        """As `ClientGraph.result`."""
        root = await self._wait(self.id, timeout)
        return outcome_of(self.graph, root, await self._rows(self.id))


@attrs.frozen
class ConnGraph(GraphHandle):
    """A graph that was enqueued on the caller's own sync connection."""

    def result(self, conn: SyncConn, *, timeout: float | None = None) -> dict[str, Any]:
        """As `ClientGraph.result`, looking every 40 ms. Commit first."""
        namespace = self.target.namespace
        root = await_end(conn, namespace, self.id, timeout)
        driver = driver_of(conn)
        assert isinstance(driver, SyncDriver)
        with explained(namespace):
            rows = driver.fetch(statement("graph", namespace, driver.placeholder), str(self.id))
        return outcome_of(self.graph, root, rows)


@attrs.frozen
class AsyncConnGraph(GraphHandle):
    """A graph that was enqueued on the caller's own asyncio connection."""

    async def result(self, conn: AsyncConn, *, timeout: float | None = None) -> dict[str, Any]:
        """As `ConnGraph.result`."""
        namespace = self.target.namespace
        root = await await_end_async(conn, namespace, self.id, timeout)
        driver = driver_of(conn)
        assert isinstance(driver, AsyncDriver)
        text = statement("graph", namespace, driver.placeholder)
        with explained(namespace):
            rows = await driver.fetch(text, str(self.id))
        return outcome_of(self.graph, root, rows)


def outcome_by(
    job: JobHandle[Any] | UUID, root: Progress, rows: Rows, reader: Reader[Any]
) -> dict[str, Any]:
    """Outputs by name; where the graph itself is not known, as plain JSON values.

    Raises: GraphFailed, JobFailed, OutputInvalid, CodecError.
    """
    if isinstance(job, GraphHandle):
        return outcome_of(job.graph, root, rows)
    root.value(reader)
    return plain_outputs(rows, reader.sealer)


@overload
def enqueue_graph(
    conn: AsyncConn,
    graph: Graph,
    *,
    id: UUID | None = ...,
    external_id: str | None = ...,
    queue: str | None = ...,
    priority: int | None = ...,
    tags: Iterable[str] = ...,
    metadata: Mapping[str, Any] | None = ...,
) -> Awaitable[AsyncConnGraph]: ...
@overload
def enqueue_graph(
    conn: SyncConn,
    graph: Graph,
    *,
    id: UUID | None = ...,
    external_id: str | None = ...,
    queue: str | None = ...,
    priority: int | None = ...,
    tags: Iterable[str] = ...,
    metadata: Mapping[str, Any] | None = ...,
) -> ConnGraph: ...
def enqueue_graph(conn: Any, graph: Graph, **options: Any) -> Any:
    """Write all jobs of a graph on the caller's own connection: they exist if and only if that
    commits. An async connection makes this awaitable. Options: as of `Client.enqueue_graph`.

    Raises: UsageError, ArgsInvalid, PayloadError, with nothing sent; SchemaNotMigrated; whatever
    the library raises.
    """
    new, driver = new_graph(graph, **options), driver_of(conn)
    text = statement("enqueue_graph", new.namespace, driver.placeholder)
    if isinstance(driver, AsyncDriver):
        return _enqueue_async(driver, text, new)
    with explained(new.namespace):
        ((inserted,),) = driver.fetch(text, new.parameter)
    return ConnGraph(new.id, bool(inserted), new.target, graph=graph)


async def _enqueue_async(driver: AsyncDriver, text: str, new: NewGraph) -> AsyncConnGraph:
    with explained(new.namespace):
        ((inserted,),) = await driver.fetch(text, new.parameter)
    return AsyncConnGraph(new.id, bool(inserted), new.target, graph=new.graph)
