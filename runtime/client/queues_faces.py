"""`client.queues`: for sync code, and for asyncio and trio."""

from __future__ import annotations

from typing import TypedDict, Unpack

from runtime.client.groups import AsyncGroup, SyncGroup
from runtime.client.queues import Queues as Found
from runtime.client.queues import QueueWork
from runtime.limits import QueueLimits, Rate
from runtime.retention import Kept

Names = list[str]


class Limits(TypedDict, total=False):
    """How a queue is limited; see `Queues.limit`."""

    concurrency: int | None
    per_key: int | None
    rate: Rate | None
    fair: bool


class Keeping(TypedDict, total=False):
    """How long a queue keeps its final jobs; see `Queues.keep`."""

    completed: float | None
    cancelled: float | None
    discarded: float | None


class Queues(SyncGroup[QueueWork]):
    """Limit queues over all nodes, pause them, and say which of them running nodes serve."""

    def list(self) -> Found:
        """All known queues, by name, with their limits."""
        return self._call(lambda work: work.list())

    def limits(self) -> dict[str, QueueLimits]:
        """The limits of those queues that have any."""
        return self._call(lambda work: work.limits())

    def limit(self, queue: str, **limits: Unpack[Limits]) -> None:
        """Limit a queue over all nodes, at once and exactly, whichever of them are killed.

        What is not given is not limited; so without any, the limits are taken away. They hold for
        claims that begin from now on; what runs already is counted.

        Args: concurrency: jobs that run at once. per_key: jobs of one key that do. rate: a `Rate`
        of jobs that begin. fair: keys take turns, so that one's backlog does not hold up others;
        with per_key or a rate of keys they do so anyway. Priority is then one among jobs of a key.
        Raises: UsageError.
        """
        wanted = QueueLimits(**limits)
        self._call(lambda work: work.limit(queue, wanted))

    def keep(self, queue: str, **seconds: Unpack[Keeping]) -> None:
        """Say how long a queue keeps its final jobs, of all states at once.

        Args: completed, cancelled, discarded: seconds; 0: for ever; not given: as the options of
        the nodes have it. Raises: UsageError.
        """
        kept = Kept(**seconds)
        self._call(lambda work: work.keep(queue, kept))

    def kept(self) -> dict[str, Kept]:
        """The retention of those queues that have one of their own."""
        return self._call(lambda work: work.kept())

    def pause(self, queue: str) -> None:
        """Stop all claims from a queue (`*`: from all known ones). What runs goes on."""
        self._call(lambda work: work.pause(queue))

    def resume(self, queue: str) -> None:
        """Undo pause."""
        self._call(lambda work: work.resume(queue))

    def add(self, queue: str, *, node: str | None = None) -> Names:
        """Have a node (None: all that live) serve a queue besides, until it ends.

        queue: as in a node's options, `name[:limit][:weight=n]`; one that is served already gets
        this limit and weight. Returns the nodes' names. Raises: UsageError, if no such node lives.
        """
        return self._call(lambda work: work.add(queue, node))

    def remove(self, queue: str, *, node: str | None = None) -> Names:
        """Have a node (None: all that live) claim no more from a queue, until it ends."""
        return self._call(lambda work: work.remove(queue, node))


class AsyncQueues(AsyncGroup[QueueWork]):
    """As `Queues`, to be awaited."""

    async def list(self) -> Found:
        """See `Queues.list`."""
        return await self._call(lambda work: work.list())

    async def limits(self) -> dict[str, QueueLimits]:
        """See `Queues.limits`."""
        return await self._call(lambda work: work.limits())

    async def limit(self, queue: str, **limits: Unpack[Limits]) -> None:
        """See `Queues.limit`."""
        wanted = QueueLimits(**limits)
        await self._call(lambda work: work.limit(queue, wanted))

    async def keep(self, queue: str, **seconds: Unpack[Keeping]) -> None:
        """See `Queues.keep`."""
        kept = Kept(**seconds)
        await self._call(lambda work: work.keep(queue, kept))

    async def kept(self) -> dict[str, Kept]:
        """See `Queues.kept`."""
        return await self._call(lambda work: work.kept())

    async def pause(self, queue: str) -> None:
        """See `Queues.pause`."""
        await self._call(lambda work: work.pause(queue))

    async def resume(self, queue: str) -> None:
        """See `Queues.resume`."""
        await self._call(lambda work: work.resume(queue))

    async def add(self, queue: str, *, node: str | None = None) -> Names:
        """See `Queues.add`."""
        return await self._call(lambda work: work.add(queue, node))

    async def remove(self, queue: str, *, node: str | None = None) -> Names:
        """See `Queues.remove`."""
        return await self._call(lambda work: work.remove(queue, node))
