"""The Registrar: writes down which kinds and schedules the node's app has, once, when it is known.

Rules: the app is imported in the fork server, which tells. Every node does it, leader or not: a
schedule that is defined in code fires while the app of some living node defines it. A node that has
joined anew has another id, and tells again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import attrs

from actors import events
from actors.kit.life import Life
from actors.lease import Lease, LeaseLost
from actors.retry import Retry
from actors.store.protocol import Store
from runtime.errors import AppError, StoreUnavailable
from runtime.job import KindInfo
from runtime.schedule import ScheduleInfo

T = TypeVar("T")

logger = logging.getLogger("headrace")


@attrs.define
class Registrar:
    """See the module's docstring. `kinds`, `schedules`: wait for the app, and give what it has."""

    store: Store
    lease: Lease
    kinds: Callable[[], Awaitable[Iterable[KindInfo]]]
    schedules: Callable[[], Awaitable[Sequence[ScheduleInfo]]]
    observe: events.Observer = events.ignore

    async def run(self, life: Life) -> None:
        """Tell the database, and rest."""
        life.started()
        with life.stop_scope():
            try:
                await self._tell_kinds(await self.kinds())
                await self._tell_schedules(await self.schedules())
            except (AppError, LeaseLost) as error:
                # The fork server and the heartbeat act on these.
                logger.debug("kinds and schedules were not declared: %s", error)
            await life.wait_stopping()

    async def _tell_kinds(self, kinds: Iterable[KindInfo]) -> None:
        names = [each.kind for each in kinds]
        await self._answered(lambda: self.store.declare_kinds(self.lease.node_id, names))

    async def _tell_schedules(self, schedules: Sequence[ScheduleInfo]) -> None:
        if not schedules:
            return
        changed = await self._answered(
            lambda: self.store.declare_schedules(self.lease.node_id, schedules)
        )
        self.observe(events.SchedulesDeclared(len(schedules), changed))

    async def _answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        retry = Retry("registrar", self.observe)
        while True:
            try:
                answer = await ask()
            except StoreUnavailable as error:
                await retry.after(error)
                continue
            retry.succeeded()
            return answer
