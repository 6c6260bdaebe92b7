"""NamespaceView: one of several namespaces, for the maintenance that is its own.

Rule: the node has one lease and one id for its actors, and an id of its own in each namespace; what
takes the node's id is asked under the id that it has there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors.store.protocol import Store, Term
from runtime.errors import StoreUnavailable
from runtime.schedule import ScheduleInfo


class NamespaceView:
    """A Store, but for what only the work asks. Args: id_of: the node's id here, by its id."""

    def __init__(self, store: Store, id_of: Callable[[int], int | None]) -> None:
        self._store = store
        self._id_of = id_of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def elect(self, node_id: int, term_seconds: float) -> Term:
        """See Store."""
        return await self._store.elect(self._own(node_id), term_seconds)

    async def resign(self, node_id: int) -> None:
        """See Store."""
        await self._store.resign(self._own(node_id))

    async def declare_kinds(self, node_id: int, kinds: Sequence[str]) -> None:
        """See Store."""
        await self._store.declare_kinds(self._own(node_id), kinds)

    async def declare_schedules(self, node_id: int, schedules: Sequence[ScheduleInfo]) -> int:
        """See Store."""
        return await self._store.declare_schedules(self._own(node_id), schedules)

    def _own(self, node_id: int) -> int:
        own = self._id_of(node_id)
        if own is None:
            raise StoreUnavailable("this node holds no lease in this namespace")
        return own
