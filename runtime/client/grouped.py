"""The groups that every client has, each under its name. A new group is one entry in each class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from runtime.client.core import Core
from runtime.client.dead import DeadWork
from runtime.client.dead_faces import AsyncDead, Dead
from runtime.client.events_faces import AsyncEvents, Events
from runtime.client.graph_verbs import AsyncGraphVerbs, SyncGraphVerbs
from runtime.client.jobs import JobWork
from runtime.client.jobs_faces import AsyncJobs, Jobs
from runtime.client.namespaces import NamespaceWork
from runtime.client.namespaces_faces import AsyncNamespaces, Namespaces
from runtime.client.queues import QueueWork
from runtime.client.queues_faces import AsyncQueues, Queues
from runtime.client.rotation import CodecWork
from runtime.client.rotation_faces import AsyncCodecs, Codecs
from runtime.client.schedules_faces import AsyncSchedules, Schedules
from runtime.client.subscribing import DEFAULT_BUFFER, Subscribed
from runtime.client.wiring import Wiring
from runtime.client.workflow_verbs import AsyncWorkflowVerbs, SyncWorkflowVerbs
from runtime.event import event_filter

T = TypeVar("T")


class SyncGroups(SyncWorkflowVerbs, SyncGraphVerbs):
    """The groups of `Client`."""

    _wiring: Wiring

    @abstractmethod
    def _call(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @property
    def jobs(self) -> Jobs:
        """Look at many jobs, and change many at once."""
        return Jobs(self._call, lambda core: JobWork(core.database, core.sealer))

    @property
    def dead(self) -> Dead:
        """Dead letters: look at discarded jobs with their last failures, retry and export them."""
        return Dead(self._call, lambda core: DeadWork(core.database, core.sealer))

    @property
    def namespaces(self) -> Namespaces:
        """Look at the database's namespaces, and switch them off and on."""
        return Namespaces(self._call, lambda core: NamespaceWork(core.database))

    def events(
        self,
        *events: str,
        kinds: Iterable[str] | None = None,
        queues: Iterable[str] | None = None,
        buffer: int = DEFAULT_BUFFER,
    ) -> Events:
        """Subscribe to what happens to jobs and queues, on all nodes, at most once: see `Events`.

        Args: events: of completed, failed, discarded, cancelled, snoozed, suspended, rescued,
        paused, resumed; none: all. kinds, queues: of these alone. buffer: events that may wait to
        be taken.
        Raises: UsageError, also behind a transaction pooler.
        """
        wanted = event_filter(events, kinds, queues)
        return Events(self._call, lambda core: Subscribed(core.database, wanted, buffer))

    @property
    def queues(self) -> Queues:
        """Limit queues over all nodes, pause them, and say which of them running nodes serve."""
        return Queues(self._call, lambda core: QueueWork(core.database))

    @property
    def schedules(self) -> Schedules:
        """Have jobs enqueued at times of a clock."""
        return Schedules(self._call, self._wiring.enqueuer)

    @property
    def codec(self) -> Codecs:
        """Look after what is sealed with the codec of the client's app."""
        return Codecs(self._call, lambda core: CodecWork(core.database, core.sealer))


class AsyncGroups(AsyncWorkflowVerbs, AsyncGraphVerbs):
    """The groups of `AsyncClient` and `TrioClient`."""

    _wiring: Wiring

    @abstractmethod
    async def _call_core(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @property
    def jobs(self) -> AsyncJobs:
        """Look at many jobs, and change many at once."""
        return AsyncJobs(self._call_core, lambda core: JobWork(core.database, core.sealer))

    @property
    def dead(self) -> AsyncDead:
        """Dead letters: look at discarded jobs with their last failures, retry and export them."""
        return AsyncDead(self._call_core, lambda core: DeadWork(core.database, core.sealer))

    @property
    def namespaces(self) -> AsyncNamespaces:
        """Look at the database's namespaces, and switch them off and on."""
        return AsyncNamespaces(self._call_core, lambda core: NamespaceWork(core.database))

    def events(
        self,
        *events: str,
        kinds: Iterable[str] | None = None,
        queues: Iterable[str] | None = None,
        buffer: int = DEFAULT_BUFFER,
    ) -> AsyncEvents:
        """As `Client.events`, with `async with` and `async for`."""
        wanted = event_filter(events, kinds, queues)
        return AsyncEvents(self._call_core, lambda core: Subscribed(core.database, wanted, buffer))

    @property
    def queues(self) -> AsyncQueues:
        """Limit queues over all nodes, pause them, and say which of them running nodes serve."""
        return AsyncQueues(self._call_core, lambda core: QueueWork(core.database))

    @property
    def schedules(self) -> AsyncSchedules:
        """Have jobs enqueued at times of a clock."""
        return AsyncSchedules(self._call_core, self._wiring.enqueuer)

    @property
    def codec(self) -> AsyncCodecs:
        """Look after what is sealed with the codec of the client's app."""
        return AsyncCodecs(self._call_core, lambda core: CodecWork(core.database, core.sealer))
