"""The Worker: owns one child after the other, and with it one core; or several share a core, whose
children are for light plain workflows (`actors.flows`), made on demand, and ended when idle.

Rules: a child's death is an outcome of the run that it was in, not a crash of the Worker; the next
child is there in milliseconds. A child that ends before its first run, again and again, is the
Worker's crash: its supervisor decides. When it is told to leave, as all are at once, it drains:
runs may end within the drain's time, then they are told to stop and go back uncounted. A lost
lease, or force, kills now.
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
from actors.cores import Cores
from actors.flows import LOOK_SECONDS, Flows, may_be_light
from actors.forkserver import ForkServer
from actors.kit.life import Life
from actors.lease import Lease
from actors.recorder import Recorder
from actors.runs import TakeNote, take_no_note
from actors.seat import Seat
from actors.tenure import Tenure
from actors.tenure_settings import TenureSettings
from runtime.errors import HeadraceError, Unavailable
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import GivenBack

# A child with nothing left to do ends when its socket closes; one that does not is killed.
GOODBYE_SECONDS = 1.0
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
        cores: of the node; None: for async handlers, which take none.
        recycling: held while a child is being recycled: one at a time over the node.
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
    take_note: TakeNote = take_no_note
    cores: Cores | None = None
    recycling: trio.CapacityLimiter | None = None
    new_seat: Callable[[str], Seat] | None = (
        None  # for a batch kind; None: each job is its own batch
    )
    recorder: Recorder | None = None  # None: no workflow runs here
    flows: Flows = attrs.field(factory=Flows)  # of the node
    _tenure: Tenure | None = attrs.field(default=None, init=False)
    _capacity: Capacity = attrs.field(factory=Capacity, init=False)
    _stillborn: int = attrs.field(default=0, init=False)
    _batch_seats: dict[str, Seat] = attrs.field(factory=dict, init=False)  # by kind
    _recycles: bool = attrs.field(default=False, init=False)
    _kinds: tuple[str, ...] = attrs.field(default=(), init=False)  # whose jobs are not gathered
    _leaving: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.flows.on_change.append(self._share_out)

    @property
    def running(self) -> int:
        """How many runs its child holds now."""
        return 0 if self._tenure is None else len(self._tenure.runs)

    def pause_job(self, job_id: UUID) -> None:
        """Have the run of this job end at its next operation, if it is a workflow's."""
        if self._tenure is not None:
            self._tenure.pause_job(job_id)

    def cancel(self, job_id: UUID, why: str = "") -> bool:
        """Stop the run of this job, if it is here. Returns whether it was."""
        return self._tenure is not None and self._tenure.cancel(job_id, why)

    def leave(self) -> None:
        """Begin to drain, and serve no more; it will be asked to stop."""
        self._leaving.set()
        if self._tenure is None:  # what others take back now is for no child of ours to begin
            self._close_seats()

    async def run(self, life: Life) -> None:
        """Serve until asked to stop, with one child after the other."""
        self._leaving = trio.Event()
        infos: Sequence[KindInfo] = ()
        with life.stop_scope():
            infos = await self.server.kinds()
        kinds = {k.kind: k for k in infos if k.is_async == self.settings.is_async}
        life.started()
        self._open_seats(kinds)
        if not kinds or (self.settings.beside and not any(map(may_be_light, kinds.values()))):
            await life.wait_stopping()
        self._stillborn = 0
        try:
            while not (life.stopping or self._leaving.is_set()):
                await self._wait_right(life)
                await self._serve(kinds, life)
            await life.wait_stopping()
        finally:
            self._close_seats()
            self._end_recycling()
            self._return_unread()

    def _open_seats(self, kinds: dict[str, KindInfo]) -> None:
        """One for all plain kinds, and one for each kind whose jobs are gathered."""
        if self.new_seat is not None:
            for kind in [kind for kind, info in kinds.items() if info.batch is not None]:
                if kind not in self._batch_seats:
                    self._batch_seats[kind] = self.new_seat(f"{self.seat.name}-{kind}")
                self._batch_seats[kind].open((kind,), gathers=True)
        self._kinds = tuple(kind for kind in kinds if kind not in self._batch_seats)
        self._share_out()

    def _share_out(self) -> None:
        """Serve what is ours of the plain kinds, now."""
        self.seat.serve(self.flows.kinds_of(self._kinds, beside=self.settings.beside))

    @property
    def _seats(self) -> list[Seat]:
        return [self.seat, *self._batch_seats.values()]

    def _close_seats(self) -> None:
        for seat in self._seats:
            seat.close()

    async def _wait_right(self, life: Life) -> None:
        """Wait until there is a lease to run jobs under; for ever, if the node must stop now."""
        if self.force.is_set() or not self.lease.held:
            self._return_unread(deal=False)  # under a lease that is over: maybe run by others now
        with life.stop_scope():
            if self.force.is_set():
                await trio.sleep_forever()
            await self.lease.wait_begun()

    async def _serve(self, kinds: dict[str, KindInfo], life: Life) -> None:
        """One child, from spawn to burial."""
        child = None
        right = self._right
        with life.stop_scope():
            if self.settings.beside:
                self._end_recycling()  # others are not to wait until there is a job for us
                await self._wait_wanted()
            began, right = trio.current_time(), self._right
            child = await self._spawn()
        self._end_recycling()
        same = right is not None and right == self._right
        if child is None or not same:
            self._return_unread(deal=same)  # as _wait_right
        if child is None:
            return
        tenure = self._new_tenure(child, kinds)
        try:
            seconds = trio.current_time() - began
            self.observe(events.ChildStarted(self.number, child.pid, seconds))
            await self._tend(tenure, life)
        finally:
            self._tenure = None
            self._close_seats()
            await child.close()
            tenure.abandon()
            if tenure.halted:
                self._return_unread(deal=False)

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
            take_note=self.take_note,
            cores=self.cores,
            batch_seats=self._batch_seats,
            recorder=self.recorder,
            flows=self.flows,
        )

    @property
    def _right(self) -> int | None:
        """Under which jobs are run now; None: there is none."""
        return self.lease.node_id if self.lease.held else None

    async def _spawn(self) -> Child | None:
        """A child. None: flows are to do without. Raises: as ForkServer.spawn."""
        try:
            return await self.server.spawn(self.number, is_async=self.settings.is_async)
        except (Unavailable, OSError):  # of processes, or of what one takes of our own
            if not self.settings.beside:
                raise
            self.flows.refuse(self._kinds)
            return None

    async def _wait_wanted(self) -> None:
        """Have no child until there is a job for it."""
        self.seat.set_load(0 if self._leaving.is_set() else 1, 0)
        await self.seat.wait_given()
        self.seat.close()

    async def _tend(self, tenure: Tenure, life: Life) -> None:
        self._tenure = tenure
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drain_when_stopping, tenure, life)
            nursery.start_soon(self._halt_after, self.lease.wait_lost, tenure)
            nursery.start_soon(self._halt_after, self.force.wait, tenure)
            nursery.start_soon(self._recycle_when_due, tenure)
            if self.settings.beside:
                nursery.start_soon(self._mind, tenure)
            await tenure.run()
            nursery.cancel_scope.cancel()
        await self._count_stillborn(tenure, life)

    async def _drain_when_stopping(self, tenure: Tenure, life: Life) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._leave_when_stopping, life)
            await self._leaving.wait()
            nursery.cancel_scope.cancel()
        await tenure.retire()
        with trio.move_on_after(self.drain_seconds):
            await tenure.wait_idle()
        tenure.stop_runs()
        await self._dismiss(tenure)

    async def _leave_when_stopping(self, life: Life) -> None:
        await life.wait_stopping()
        self.leave()

    async def _halt_after(self, wait: Callable[[], Awaitable[None]], tenure: Tenure) -> None:
        await wait()
        tenure.halt()

    async def _recycle_when_due(self, tenure: Tenure) -> None:
        """`recycling` is held until the next child is there."""
        await tenure.worn.wait()
        if self.recycling is not None:
            await self.recycling.acquire_on_behalf_of(self)
            self._recycles = True
        reason = tenure.worn_out()
        self.observe(events.ChildRecycled(self.number, tenure.child.pid, reason))
        await tenure.retire()
        await self._dismiss(tenure)

    async def _mind(self, tenure: Tenure) -> None:
        """See that its runs are light, and end it when it is idle."""
        with self.flows.child() as look:
            while look(tenure.runs, tenure.child):  # noqa: ASYNC110 - of CPU time none tells
                await trio.sleep(LOOK_SECONDS)
        await tenure.retire()
        await self._dismiss(tenure)

    def _end_recycling(self) -> None:
        if self._recycles and self.recycling is not None:
            self._recycles = False
            self.recycling.release_on_behalf_of(self)

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
        if self._stillborn >= MAX_STILLBORN and self.settings.beside:
            self._stillborn = 0
            self.flows.refuse(self._kinds)
            self._return_unread()
            return
        if self._stillborn >= MAX_STILLBORN:
            raise ChildrenKeepDying(
                f"{self._stillborn} children in a row ended before their first run"
            )
        with life.stop_scope():
            await trio.sleep(STILLBORN_SECONDS * max(1, self._stillborn))

    def _return_unread(self, *, deal: bool = True) -> None:
        """Jobs that were dealt to us and never read go back; or to others of the node (deal)."""
        unread = [job for seat in self._seats for job in seat.take_unread()]
        left = self.redeal(unread) if deal else unread
        self.acker.settle([Settled(job, GivenBack("not begun")) for job in left])
