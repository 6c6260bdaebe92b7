"""The Registrar: writes down which schedules the node's app defines, once, when the app is known.

Rules: the app is imported in the fork server, which tells. Every node does it, leader or not: a
schedule that is defined in code fires while the app of some living node defines it. A node that has
joined anew has another id, and tells again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import attrs

from actors import events
from actors.kit.life import Life
from actors.lease import Lease, LeaseLost
from actors.retry import Retry
from actors.store.protocol import Store
from runtime.errors import AppError, StoreUnavailable
from runtime.schedule import ScheduleInfo

logger = logging.getLogger("headrace")


@attrs.define
class Registrar:
    """See the module's docstring. `schedules`: waits for the app, and gives what it defines."""

    store: Store
    lease: Lease
    schedules: Callable[[], Awaitable[Sequence[ScheduleInfo]]]
    observe: events.Observer = events.ignore

    async def run(self, life: Life) -> None:
        """Tell the database, and rest."""
        life.started()
        with life.stop_scope():
            try:
                await self._tell(await self.schedules())
            except (AppError, LeaseLost) as error:
                # The fork server and the heartbeat act on these.
                logger.debug("schedules were not declared: %s", error)
            await life.wait_stopping()

    async def _tell(self, schedules: Sequence[ScheduleInfo]) -> None:
        retry = Retry("registrar", self.observe)
        while schedules:
            try:
                changed = await self.store.declare_schedules(self.lease.node_id, schedules)
            except StoreUnavailable as error:
                await retry.after(error)
                continue
            retry.succeeded()
            self.observe(events.SchedulesDeclared(len(schedules), changed))
            return
