"""The Worker: owns one child after the other, and with it one core.

Rules: a child's death is an outcome of the run that it was in, not a crash of the Worker; the next
child is there in milliseconds. A child that ends before its first run, again and again, is the
Worker's crash: its supervisor decides. When it is told to leave it drains: runs may end within the
drain's time, then they are told to stop and go back uncounted. A lost lease, or force, kills now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import attrs
import trio

from actors import events
from actors.acker import Acker, Settled
from actors.capacity import Capacity
from actors.child import Child
from actors.forkserver import ForkServer
from actors.kit.life import Life
from actors.kit.ticker import Ticker
from actors.lease import Lease
from actors.seat import Seat
from actors.tenure import Tenure
from actors.tenure_settings import TenureSettings
from runtime.errors import HeadraceError
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import GivenBack

# A child with nothing left to do ends when its socket closes; one that does not is killed.
GOODBYE_SECONDS = 1.0
# How often a Worker that may recycle its child looks at it.
RECYCLE_CHECK_SECONDS = 1.0
# Children in a row that may end before they have run anything, and the wait after the first one.
MAX_STILLBORN = 5
STILLBORN_SECONDS = 0.1


class ChildrenKeepDying(HeadraceError):
    """Children of this Worker end before they have run anything."""


@attrs.define(eq=False)
class Worker:
    """See the module's docstring.

    Args:
        number: of the Worker in its node, from 0; it also chooses the core when pinned.
        redeal: jobs that were handed ahead but not begun; returns those it found no place for.
        drain_seconds: how long runs may go on after the node was asked to stop.
        force: set when the node must stop now.
    """

    number: int
    server: ForkServer
    seat: Seat
    acker: Acker
    lease: Lease
    redeal: Callable[[Sequence[ClaimedJob]], list[ClaimedJob]]
    settings: TenureSettings = attrs.field(factory=TenureSettings)
    drain_seconds: float = 25.0
    force: trio.Event = attrs.field(factory=trio.Event)
    observe: events.Observer = events.ignore
    _tenure: Tenure | None = attrs.field(default=None, init=False)
    _capacity: Capacity = attrs.field(factory=Capacity, init=False)
    _stillborn: int = attrs.field(default=0, init=False)

    @property
    def running(self) -> int:
        """How many runs its child holds now."""
        return 0 if self._tenure is None else self._tenure.running

    def cancel(self, job_id: UUID) -> bool:
        """Stop the run of this job, if it is here. Returns whether it was."""
        return self._tenure is not None and self._tenure.cancel(job_id)

    async def run(self, life: Life) -> None:
        """Serve until asked to stop, with one child after the other."""
        infos: Sequence[KindInfo] = ()
        with life.stop_scope():
            infos = await self.server.kinds()
        kinds = {k.kind: k for k in infos if k.is_async == self.settings.is_async}
        life.started()
        self.seat.open(tuple(kinds))
        if not kinds:
            await life.wait_stopping()
        self._stillborn = 0
        try:
            while not life.stopping:
                await self._wait_right(life)
                await self._serve(kinds, life)
        finally:
            self.seat.close()
            self._return_unread()

    async def _wait_right(self, life: Life) -> None:
        """Wait until there is a lease to run jobs under; for ever, if the node must stop now."""
        if self.force.is_set() or not self.lease.held:
            self._return_unread()  # dealt under a lease that is over, and maybe run by others now
        with life.stop_scope():
            if self.force.is_set():
                await trio.sleep_forever()
            await self.lease.wait_begun()

    async def _serve(self, kinds: dict[str, KindInfo], life: Life) -> None:
        """One child, from spawn to burial."""
        child = None
        began = trio.current_time()
        with life.stop_scope():
            child = await self.server.spawn(self.number, is_async=self.settings.is_async)
        if child is None:
            return
        tenure = self._new_tenure(child, kinds)
        try:
            seconds = trio.current_time() - began
            self.observe(events.ChildStarted(self.number, child.pid, seconds))
            await self._tend(tenure, life)
        finally:
            self._tenure = None
            self.seat.close()
            await child.close()
            tenure.abandon()
            if tenure.halted:
                self._return_unread()

    def _new_tenure(self, child: Child, kinds: dict[str, KindInfo]) -> Tenure:
        return Tenure(
            worker=self.number,
            child=child,
            seat=self.seat,
            acker=self.acker,
            kinds=kinds,
            settings=self.settings,
            capacity=self._capacity,
            redeal=self.redeal,
            may_begin=lambda: self.lease.held and not self.force.is_set(),
            observe=self.observe,
        )

    async def _tend(self, tenure: Tenure, life: Life) -> None:
        self._tenure = tenure
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drain_when_stopping, tenure, life)
            nursery.start_soon(self._halt_after, self.lease.wait_lost, tenure)
            nursery.start_soon(self._halt_after, self.force.wait, tenure)
            nursery.start_soon(self._recycle_when_due, tenure)
            await tenure.run()
            nursery.cancel_scope.cancel()
        await self._count_stillborn(tenure, life)

    async def _drain_when_stopping(self, tenure: Tenure, life: Life) -> None:
        await life.wait_stopping()
        await tenure.retire()
        with trio.move_on_after(self.drain_seconds):
            await tenure.wait_idle()
        tenure.stop_runs()
        await self._dismiss(tenure)

    async def _halt_after(self, wait: Callable[[], Awaitable[None]], tenure: Tenure) -> None:
        await wait()
        tenure.halt()

    async def _recycle_when_due(self, tenure: Tenure) -> None:
        if self.settings.recycle_runs or self.settings.recycle_mib:
            async for _ in Ticker(RECYCLE_CHECK_SECONDS):
                if reason := tenure.worn_out():
                    self.observe(events.ChildRecycled(self.number, tenure.child.pid, reason))
                    await tenure.retire()
                    await self._dismiss(tenure)

    async def _dismiss(self, tenure: Tenure) -> None:
        """Let the child end, once it holds no run."""
        await tenure.wait_idle()
        tenure.child.hang_up()
        await trio.sleep(GOODBYE_SECONDS)  # cut short when the child has ended
        tenure.child.kill()

    async def _count_stillborn(self, tenure: Tenure, life: Life) -> None:
        """Slow down, and in the end crash, when children end before they have run anything.

        Those that died with their fork server do not count: it has a backoff of its own. Nor does a
        SIGKILL, which is the doing of somebody else, or of the kernel for want of memory.
        """
        exit_ = await tenure.child.wait()
        if tenure.served or tenure.closing or tenure.buried or exit_.server_died:
            self._stillborn = 0
            return
        self._stillborn += exit_.signal != "SIGKILL"
        if self._stillborn >= MAX_STILLBORN:
            raise ChildrenKeepDying(
                f"{self._stillborn} children in a row ended before their first run"
            )
        with life.stop_scope():
            await trio.sleep(STILLBORN_SECONDS * max(1, self._stillborn))

    def _return_unread(self) -> None:
        """Jobs that were dealt to us and never read go back."""
        left = self.redeal(self.seat.take_unread())
        self.acker.settle([Settled(job, GivenBack("not begun")) for job in left])
