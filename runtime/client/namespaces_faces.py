"""`client.namespaces`: for sync code, and for asyncio and trio."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.client.groups import AsyncGroup, SyncGroup
from runtime.client.namespaces import NamespaceInfo, NamespaceWork


class Namespaces(SyncGroup[NamespaceWork]):
    """Look at the namespaces of the database, and switch them off and on."""

    def list(self) -> Sequence[NamespaceInfo]:
        """All namespaces of the database, by name."""
        return self._call(lambda work: work.list())

    def disable(self, name: str) -> bool:
        """Nothing is claimed in it from now on, and an enqueue raises NamespaceDisabled.

        What runs goes on. False: it was disabled. Only whoever owns its tables can.
        Raises: UsageError, SchemaNotMigrated.
        """
        return self._call(lambda work: work.disable(name))

    def enable(self, name: str) -> bool:
        """Undo `disable`, and wake its nodes. False: it was not disabled."""
        return self._call(lambda work: work.enable(name))


class AsyncNamespaces(AsyncGroup[NamespaceWork]):
    """As `Namespaces`."""

    async def list(self) -> Sequence[NamespaceInfo]:
        """As `Namespaces.list`."""
        return await self._call(lambda work: work.list())

    async def disable(self, name: str) -> bool:
        """As `Namespaces.disable`."""
        return await self._call(lambda work: work.disable(name))

    async def enable(self, name: str) -> bool:
        """As `Namespaces.enable`."""
        return await self._call(lambda work: work.enable(name))
