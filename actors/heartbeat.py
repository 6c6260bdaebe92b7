"""The Heartbeat: joins the node, prolongs its lease, and says when it is over.

Rules: a renewal counts from before it was sent. While the database does not answer, it is asked
again and again until shortly before the lease ends; then the lease is over for us before it is for
anyone else, every handler is killed, and the Heartbeat crashes with LeaseLost: its supervisor
restarts it and all below it, under a new id. It outlives everything below it: a drain is covered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs
import trio

from actors import events
from actors.kit.life import Life
from actors.lease import Lease, LeaseLost
from actors.predecessors import rescue_predecessors
from actors.retry import Retry, answered
from actors.store.protocol import NodeInfo, Store
from runtime.errors import StoreUnavailable

T = TypeVar("T")

# We stop our handlers this long before the lease ends: time enough for SIGKILL and waitpid, which
# take 10 ms here, on a machine that is badly overloaded.
MARGIN_SECONDS = 1.0
# How long saying good-bye may take; a node that could not say it is rescued when its lease ends.
LEAVE_SECONDS = 2.0


@attrs.define
class Heartbeat:
    """See the module's docstring.

    Args:
        lease_seconds: from a renewal to the lease's end; at least three heartbeats.
        heartbeat_seconds: between renewals.
        on_deadline: told each new local end of the lease, in seconds of trio's clock.
    """

    store: Store
    lease: Lease
    node: NodeInfo
    lease_seconds: float = 20.0
    heartbeat_seconds: float = 5.0
    on_deadline: Callable[[float], None] = lambda deadline: None
    observe: events.Observer = events.ignore
    _retry: Retry = attrs.field(init=False)
    _asked_at: float = attrs.field(default=float("-inf"), init=False)  # for the lease that we hold

    def __attrs_post_init__(self) -> None:
        self._retry = Retry("heartbeat", self.observe)

    def serves(self, queues: Sequence[str]) -> None:
        """What the node serves now: the next time that it joins, it says so."""
        self.node = attrs.evolve(self.node, queues=tuple(queues))

    async def run(self, life: Life) -> None:
        """Join, renew until asked to stop, leave. Raises LeaseLost when the lease is over."""
        with life.stop_scope():
            await self._join()
        if life.stopping:
            return
        node_id = self.lease.node_id
        try:
            with life.stop_scope():
                await rescue_predecessors(
                    self.store, node_id, self.observe, seconds=self.heartbeat_seconds
                )
            life.started()
            with life.stop_scope():
                await self._renew_for_ever()
        finally:
            self.lease.end()
        await self._leave(node_id)

    async def _join(self) -> None:
        while True:
            asked_at = trio.current_time()
            try:
                node_id = await self._answered(self.store.join(self.node, self.lease_seconds))
            except StoreUnavailable as error:
                await self._retry.after(error)
                continue
            self._retry.succeeded()
            self.lease.begin(node_id, self._deadline(asked_at))
            self.on_deadline(self.lease.deadline)
            self.observe(events.NodeJoined(node_id, self.node.name, self.lease_seconds))
            return

    async def _renew_for_ever(self) -> None:
        while True:
            self.observe(events.Beat("heartbeat"))
            await trio.sleep_until(self._asked_at + self.heartbeat_seconds)
            with trio.move_on_at(self.lease.deadline) as scope:
                await self._renew()
            if scope.cancelled_caught:
                self._lose("the database did not answer in time")

    async def _renew(self) -> None:
        while True:
            asked_at = trio.current_time()
            try:
                renewed = await self._answered(
                    self.store.renew(self.lease.node_id, self.lease_seconds)
                )
            except StoreUnavailable as error:
                await self._retry.after(error)
                continue
            self._retry.succeeded()
            if not renewed:
                self._lose("it had run out in the database")
            deadline = self._deadline(asked_at)
            self.lease.extend(deadline)
            self.on_deadline(deadline)
            self.observe(events.LeaseRenewed(trio.current_time() - asked_at))
            return

    def _deadline(self, asked_at: float) -> float:
        """When the lease that was asked for then, and granted, is over for us."""
        self._asked_at = asked_at
        return asked_at + self.lease_seconds - MARGIN_SECONDS

    async def _answered(self, call: Awaitable[T]) -> T:
        """One try, on one connection. That one may be dead while others would do."""
        return await answered(call, "a heartbeat", self.heartbeat_seconds)

    def _lose(self, reason: str) -> None:
        node_id = self.lease.node_id
        self.lease.end()
        self.observe(events.LeaseLost(node_id, reason))
        raise LeaseLost(f"node {node_id} lost its lease: {reason}")

    async def _leave(self, node_id: int) -> None:
        with trio.move_on_after(LEAVE_SECONDS):
            try:
                await self.store.leave(node_id)
            except StoreUnavailable as error:
                self.observe(events.StoreLost("heartbeat", str(error)))
