"""What every client does with graphs: for sync code, and for asyncio and trio."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from runtime.client.core import Core
from runtime.client.graph_handles import AsyncClientGraph, ClientGraph, Rows
from runtime.client.graphs import GraphWork, new_graph
from runtime.client.messages import Job, job_id_of
from runtime.client.results import Progress
from runtime.graph_node import GraphNode
from runtime.workflow.graph import Graph

T = TypeVar("T")


class SyncGraphVerbs:
    """Of `Client`."""

    @abstractmethod
    def _call(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @abstractmethod
    def _wait(self, job_id: UUID, timeout: float | None) -> Progress:
        """The end of a job."""

    def enqueue_graph(
        self,
        graph: Graph,
        *,
        id: UUID | None = None,  # noqa: A002 - the word for it
        external_id: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> ClientGraph:
        """Write all jobs of a graph in one transaction, with a root that ends when they have ended.

        Those that come after others are pending until then. To repeat it with the same `id` or
        `external_id` adds nothing. The root is a job that never runs; its options are given here,
        those of the jobs with the jobs: cancel it to cancel the rest, retry it to try again what
        failed and what was skipped for that. In your own transaction:
        `runtime.enqueue_graph(conn, ...)`. Raises: UsageError, ArgsInvalid, PayloadError.
        """
        new = new_graph(
            graph,
            id=id,
            external_id=external_id,
            queue=queue,
            priority=priority,
            tags=tags,
            metadata=metadata,
        )
        inserted = self._call(lambda core: GraphWork(core.database).enqueue(new))
        return ClientGraph(
            new.id, inserted, new.target, graph=graph, wait=self._wait, rows=self._graph_rows
        )

    def graph(self, job: Job) -> list[GraphNode]:
        """The jobs of a graph, by its root or its workflow: states, and what each comes after."""
        job_id = job_id_of(job)
        return self._call(lambda core: GraphWork(core.database).nodes(job_id))

    def _graph_rows(self, root: UUID) -> Rows:
        return self._call(lambda core: GraphWork(core.database).rows(root))


class AsyncGraphVerbs:
    """Of `AsyncClient` and `TrioClient`."""

    @abstractmethod
    async def _call_core(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @abstractmethod
    async def _wait(self, job_id: UUID, timeout: float | None) -> Progress:
        """The end of a job."""

    async def enqueue_graph(
        self,
        graph: Graph,
        *,
        id: UUID | None = None,  # noqa: A002 - the word for it
        external_id: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> AsyncClientGraph:
        """As `Client.enqueue_graph`."""
        new = new_graph(
            graph,
            id=id,
            external_id=external_id,
            queue=queue,
            priority=priority,
            tags=tags,
            metadata=metadata,
        )
        inserted = await self._call_core(lambda core: GraphWork(core.database).enqueue(new))
        return AsyncClientGraph(
            new.id, inserted, new.target, graph=graph, wait=self._wait, rows=self._graph_rows
        )

    async def graph(self, job: Job) -> list[GraphNode]:
        """As `Client.graph`."""
        job_id = job_id_of(job)
        return await self._call_core(lambda core: GraphWork(core.database).nodes(job_id))

    async def _graph_rows(self, root: UUID) -> Rows:
        return await self._call_core(lambda core: GraphWork(core.database).rows(root))
