"""The node's lease, as its actors see it: who we are in the database, and until when.

Rules: the Heartbeat alone writes it; everybody else asks. The deadline is counted from before the
renewing statement was sent, so it is never later than the database's own. Once lost, a lease
stays lost: the node joins anew and gets another id.
"""

from __future__ import annotations

import trio

from actors.kit.life import Life
from runtime.errors import Unavailable


class LeaseLost(Unavailable):
    """This node may hold no jobs any more; others may run them."""


async def cancel_when_over(lease: Lease, life: Life, scope: trio.CancelScope) -> None:
    """Cancel `scope` once its actor is to stop and no lease is held.

    For a task beside an actor that finishes its work before it leaves: what it waits for, the
    database may never answer, and under a lease that is over there is nothing to finish.
    """
    await life.wait_stopping()
    await lease.wait_lost()
    scope.cancel()


class Lease:
    """One node's right to hold jobs. Times are of trio's clock, in seconds."""

    def __init__(self) -> None:
        self._node_id: int | None = None
        self._deadline = float("-inf")
        self._lost = trio.Event()
        self._lost.set()
        self._begun = trio.Event()

    def __repr__(self) -> str:
        return f"<Lease of node {self._node_id} {'held' if self.held else 'not held'}>"

    @property
    def held(self) -> bool:
        """Whether this node may claim and run jobs now."""
        return not self._lost.is_set() and trio.current_time() < self._deadline

    @property
    def node_id(self) -> int:
        """The node's id. Raises LeaseLost when there is none to act under."""
        if self._node_id is None or self._lost.is_set():
            raise LeaseLost("this node holds no lease")
        return self._node_id

    @property
    def deadline(self) -> float:
        """When the lease runs out, unless renewed."""
        return self._deadline

    def begin(self, node_id: int, deadline: float) -> None:
        """The node has joined. Only the Heartbeat calls this, and the two below."""
        self._node_id = node_id
        self._deadline = deadline
        self._lost = trio.Event()
        self._begun.set()

    def extend(self, deadline: float) -> None:
        """The lease was renewed."""
        self._deadline = max(self._deadline, deadline)

    def end(self) -> None:
        """The lease is over: nothing may be claimed, every handler must stop."""
        self._lost.set()
        self._begun = trio.Event()

    async def wait_begun(self) -> None:
        """Wait until this node holds a lease."""
        await self._begun.wait()

    async def wait_lost(self) -> None:
        """Wait until this lease is over."""
        await self._lost.wait()
