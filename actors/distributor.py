"""The Distributor: one LISTEN connection, one claim for all Workers, jobs out to their seats.

    NOTIFY ─▶ wakeup ─┐
    pace, poll ───────┼─▶ demand of all seats ─▶ one claim ─▶ seats ─▶ Workers
    places got free ──┘

Rules: it LISTENs before its first claim, and counts wakeups, so that one during a claim leads to
another claim. Never more is claimed than there are places; without places or work it waits on an
event. In a busy time it has producers send no wakeups, and looks by itself (`actors.pace`); in a
quiet one it stands by, with a claim that the next wakeup begins (`actors.store.standby`). A claim
whose answer was lost is reconciled: what the database says that we hold and we do not know is given
back; every minute it is looked for besides. When it leaves, what it has claimed and not given out
goes back at once.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import attrs
import trio

from actors import events
from actors.asked import Asked
from actors.cursor import ClaimCursor
from actors.dealing import deal
from actors.demand import DemandBook, Kinds
from actors.holdings import Holdings
from actors.kit.life import Life
from actors.lease import Lease, LeaseLost, cancel_when_over
from actors.limit_book import LimitBook
from actors.pace import Pace
from actors.queue_watch import QueueWatch
from actors.retry import Retry, answered
from actors.seat import Seat
from actors.store.protocol import Demand, Listening, Notification, Store
from actors.store.standby import Standby
from runtime.config.queues import QueueLimit
from runtime.errors import StoreUnavailable
from runtime.job import ClaimedJob

# Between looks at what the database says that we hold. Only what a network kept for longer than a
# statement may take, and delivered after all, is found by this look and by no other.
RECONCILE_SECONDS = 60.0
# A claim takes 2 to 20 ms, what it waits for no longer. One that is not answered in this time went
# to a connection that is dead, or to a database that is better left alone; whether it took effect
# is found out.
CLAIM_SECONDS = 10.0
# How long giving back may take when we leave: the lease returns what could not be given back.
RELEASE_SECONDS = 5.0
# A node that nothing has happened to for so long stands by: with a claim that begins where the next
# wakeup is heard. Sooner, jobs that follow each other would each pay for setting it up, 0.2 ms.
QUIET_SECONDS = 0.003


@attrs.define
class Distributor:
    """See the module's docstring.

    Args:
        seats: of all Workers.
        queues: what this node serves.
        poll_seconds: how long to wait at most between claims while there are places; jittered by
            a tenth either way.
        poll_only: do not LISTEN (behind a transaction pooler).
        hand_on: by topic, who gets the other notifications that arrive; called with the payload.
    """

    store: Store
    lease: Lease
    holdings: Holdings
    queues: Sequence[QueueLimit]
    poll_seconds: float = 5.0
    poll_only: bool = False
    observe: events.Observer = events.ignore
    hand_on: Mapping[str, Callable[[str], None]] = attrs.field(factory=dict)
    seats: list[Seat] = attrs.field(factory=list)
    listening: bool = attrs.field(default=False, init=False)
    _book: DemandBook = attrs.field(init=False)
    _limits: LimitBook = attrs.field(factory=LimitBook, init=False)
    watch: QueueWatch = attrs.field(init=False)
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False)
    _places: int = attrs.field(default=0, init=False)  # as last reported
    _doubtful: bool = attrs.field(default=False, init=False)  # a claim's answer was lost
    _reconcile_at: float = attrs.field(default=float("inf"), init=False)
    _pace: Pace = attrs.field(init=False)
    _cursor: ClaimCursor = attrs.field(factory=ClaimCursor, init=False)
    _told: tuple[int, bool] | None = attrs.field(default=None, init=False)  # the wish, as known
    _retry: Retry = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pace = Pace(self.poll_seconds)
        self._book = DemandBook(self.queues, self.holdings.in_queue)
        self.watch = QueueWatch(
            self.store,
            self.lease,
            self.queues,
            self._book,
            self._limits,
            self.places_changed,
            self.poll_seconds,
        )
        self.holdings.on_left = self._runs_ended
        self._retry = Retry("distributor", self.observe)

    def seat(self, name: str) -> Seat:
        """A seat for one more Worker."""
        seat = Seat(name, on_change=self.places_changed)
        self.seats.append(seat)
        return seat

    def places_changed(self) -> None:
        """Some seat has more free places than before."""
        self._changed.set()

    def wake(self, queue: str = "") -> None:
        """There may be work in `queue` ("": in any)."""
        self._limits.heard(queue)
        self._book.wake(queue)
        calm = self._pace.wants_wakeups
        self._pace.heard(trio.current_time())
        if calm:
            self._changed.set()  # else we look soon, and that wakeup was meant for others

    def pause(self, queue: str) -> None:
        """Ask nothing of this queue until it is resumed, or polled: the hint of that may be missed.

        The claim itself obeys the database.
        """
        self._book.pause(queue)

    def resume(self, queue: str) -> None:
        """Undo pause."""
        self._book.resume(queue)
        self._changed.set()

    def _runs_ended(self, queues: Collection[str]) -> None:
        for queue in self._limits.ended(queues):
            self._book.moisten(queue)
            self._changed.set()

    async def run(self, life: Life) -> None:
        """Claim until asked to stop."""
        self._book.wake()
        self._reconcile_at = trio.current_time() + RECONCILE_SECONDS
        if self.poll_only:
            await self._serve(life, None)
        else:
            async with self.store.listen() as notifications:
                self._hear(Notification("back", ""))
                await self._serve(life, notifications)
            self.listening = False

    async def _serve(self, life: Life, notifications: Listening | None) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when_over, self.lease, life, nursery.cancel_scope)
            nursery.start_soon(self._poll)
            nursery.start_soon(self.watch.run, life)
            if notifications is not None:
                nursery.start_soon(self._listen, notifications)
            life.started()
            await self._claim_until(life, notifications)
            nursery.cancel_scope.cancel()

    async def _poll(self) -> None:
        while True:
            await trio.sleep(self.poll_seconds * random.uniform(0.9, 1.1))
            self.resume("*")

    async def _listen(self, notifications: Listening) -> None:
        async for notification in notifications:
            self._hear(notification)

    def _hear(self, notification: Notification) -> None:
        match notification.topic:
            case "wakeup":
                self.observe(events.Wakeup(notification.payload))
                self.wake(notification.payload)
            case "lost":
                self.listening = False
                self.observe(events.ListenerLost())
            case "back":
                self.listening = True
                self.observe(events.ListenerBack())
                self.resume("*")  # a resume may have been missed; the claim obeys the database
            case topic if topic in self.hand_on:
                self.hand_on[topic](notification.payload)

    async def _claim_until(self, life: Life, notifications: Listening | None) -> None:
        while not life.stopping:
            self._changed = trio.Event()
            self.observe(events.Beat("distributor"))
            self._look_if_due()
            generation = self._book.generation
            asked = self._asked(generation)
            self._show_places()
            if self.lease.held and not self.poll_only and self._told != self._wish():
                await self._tell(self._wish(), life)
            elif self.lease.held and self._is_doubtful():
                await self._reconcile(life)
            elif self.lease.held and asked.groups:
                await self._claim(asked, life)
            elif not await self._waited(QUIET_SECONDS, life) and not life.stopping:
                await self._stand_by(generation, life, notifications)

    async def _waited(self, seconds: float, life: Life) -> bool:
        """Wait for a change, or until a look is due; False if neither came in this time."""
        due = min(self._pace.look_at, self._cursor.head_at, self._limits.next_at)
        look_at = min(due, trio.current_time() + seconds)
        with life.stop_scope(), trio.move_on_at(look_at):
            await self._changed.wait()
        return self._changed.is_set() or look_at == due

    async def _stand_by(self, generation: int, life: Life, notifications: Listening | None) -> None:
        """Wait for a change, with a claim that begins at the next wakeup by itself."""
        standing = self._book.standing(self._free(), without=self._limits.limited)
        demand = self._cursor.placed(standing, trio.current_time())
        calm = self.listening and self.lease.held and self._pace.wants_wakeups
        standby = notifications.standby() if notifications and demand and calm else None
        if standby is None:
            await self._waited(float("inf"), life)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._withdraw_at_change, standby, life)
            await self._claim(Asked(demand, generation, standby), life)
            nursery.cancel_scope.cancel()

    async def _withdraw_at_change(self, standby: Standby, life: Life) -> None:
        await self._waited(float("inf"), life)
        standby.withdraw()

    def _look_if_due(self) -> None:
        now = trio.current_time()
        if now >= self._pace.look_at:
            self._book.wake()
            self._pace.looked(now, asks=bool(self._demand(now)))
        if now >= self._cursor.head_at:
            self._cursor.to_head()
            self._book.wake()
        for queue in self._limits.take_due(now):
            self._book.moisten(queue)

    def _demand(self, now: float) -> list[Demand]:
        return self._book.demand(self._free(), without=self._limits.closed(now))

    def _asked(self, generation: int) -> Asked:
        now = trio.current_time()
        asked = Asked.split(self._demand(now), self._limits.limited, generation)
        return attrs.evolve(asked, demand=self._cursor.placed(asked.demand, now))

    def _wish(self) -> tuple[int, bool]:
        """What producers should know: our id, and whether we want wakeups."""
        return self.lease.node_id, self._pace.wants_wakeups

    async def _tell(self, wish: tuple[int, bool], life: Life) -> None:
        """Tell producers, and look after that: some have not heard of it and commit only now."""
        try:
            await answered(self.store.want_wakeups(*wish), "a wish", CLAIM_SECONDS)
        except StoreUnavailable as error:
            with life.stop_scope():
                await self._retry.after(error)
            return
        self._retry.succeeded()
        self._told = wish
        self._pace.told(trio.current_time())
        self._book.wake()

    def _is_doubtful(self) -> bool:
        """Whether the database may say that we hold what we do not know of."""
        return self._doubtful or trio.current_time() >= self._reconcile_at

    def _show_places(self) -> None:
        places = sum(seat.free for seat in self.seats if seat.kinds)
        if places != self._places:
            self._places = places
            self.observe(events.DemandChanged(places))

    def _free(self) -> dict[Kinds, int]:
        free: Counter[Kinds] = Counter()
        for seat in self.seats:
            free[seat.kinds] += seat.promise()
        return free

    async def _claim(self, asked: Asked, life: Life) -> None:
        """One claim, dealt out. A stop does not cut it short: what it took must not be lost, unless
        the lease is."""
        try:
            self._doubtful = True
            plain, began = await self._take(asked)
            seconds = trio.current_time() - began
            jobs = [*plain, *await self._take_limited(asked.limited)]
            self._doubtful = False
        except StoreUnavailable as error:
            with life.stop_scope():
                await self._retry.after(error)
            return
        except LeaseLost:
            return
        if asked.was_withdrawn:
            return
        self._retry.succeeded()
        ended = trio.current_time()
        self.holdings.take(jobs)
        may_run = self.lease.held and not life.stopping
        left = deal(jobs, self.seats, lambda seat: seat.kept) if may_run else jobs
        await trio.lowlevel.cancel_shielded_checkpoint()  # the Workers hand over; then we reckon
        if asked.demand:
            self._cursor.claimed(asked.demand, plain, began, seconds)
        self._book.charge(asked.groups)
        self._pace.claimed(ended, found=bool(jobs))
        self._report(asked.groups, jobs, ended - began)
        self._book.mark_dry(asked.groups, self._count(asked.groups, jobs), asked.generation)
        if left:
            await self._give_back(left)

    async def _take(self, asked: Asked) -> tuple[list[ClaimedJob], float]:
        """The jobs, and when asking for them began."""
        began = trio.current_time()
        if asked.standby is not None:
            return await self._take_at_wakeup(asked.standby, asked.demand)
        if not asked.demand:
            return [], began
        claim = self.store.claim(self.lease.node_id, asked.demand)
        return await answered(claim, "a claim", CLAIM_SECONDS), began

    async def _take_limited(self, demand: Sequence[Demand]) -> list[ClaimedJob]:
        if not demand:
            return []
        claim = self.store.claim_limited(self.lease.node_id, demand)
        took = await answered(claim, "a claim", CLAIM_SECONDS)
        got = {job.queue for job in took.jobs}
        for queue in {group.queue for group in demand}:
            again = took.again_seconds.get(queue)
            self._limits.answered(queue, again, trio.current_time(), got=queue in got)
        return took.jobs

    async def _take_at_wakeup(
        self, standby: Standby, demand: Sequence[Demand]
    ) -> tuple[list[ClaimedJob], float]:
        jobs = await self.store.claim_at(
            standby, self.lease.node_id, demand, timeout_seconds=CLAIM_SECONDS
        )
        if standby.woken_by is not None:
            self.observe(events.Wakeup(standby.woken_by))
            if all(group.queue != standby.woken_by for group in demand):
                self.wake(standby.woken_by)  # that one did not stand by
            else:
                self._pace.heard(trio.current_time())
        return jobs, trio.current_time() - standby.seconds

    def _report(self, demand: Sequence[Demand], jobs: Sequence[ClaimedJob], seconds: float) -> None:
        places = sum(group.places for group in demand)
        by_queue = Counter(job.queue for job in jobs)
        self.observe(events.Claimed(by_queue, len(demand), places, seconds))

    def _count(
        self, demand: Sequence[Demand], jobs: Sequence[ClaimedJob]
    ) -> Counter[tuple[str, Kinds]]:
        kinds_of = {kind: group.kinds for group in demand for kind in group.kinds}
        return Counter((job.queue, kinds_of.get(job.kind, ())) for job in jobs)

    def redeal(self, jobs: Sequence[ClaimedJob]) -> list[ClaimedJob]:
        """Jobs that a Worker took back from its child: to other seats. Returns what found none."""
        self._changed.set()  # a claim that stands by was promised these places
        return deal(jobs, self.seats, lambda seat: seat.free)

    async def _give_back(self, jobs: Sequence[ClaimedJob]) -> None:
        runs = [(job.id, job.run_number) for job in jobs]
        with trio.move_on_after(RELEASE_SECONDS) as scope:
            scope.shield = True
            try:
                await self.store.release(runs)
                self.observe(events.Released(len(runs), "not given out"))
            except StoreUnavailable:
                self._doubtful = True
        self.holdings.drop(runs)

    async def _reconcile(self, life: Life) -> None:
        """Give back what the database says that we hold and that we know nothing of."""
        try:
            held = self.store.holdings(self.lease.node_id)
            missing = self.holdings.missing(await answered(held, "a look", CLAIM_SECONDS))
            if missing:
                await answered(self.store.release(missing), "giving back", CLAIM_SECONDS)
                self.observe(events.Released(len(missing), "claimed, but the answer was lost"))
        except StoreUnavailable as error:
            with life.stop_scope():
                await self._retry.after(error)
        except LeaseLost:
            return
        else:
            self._retry.succeeded()
            self._doubtful = False
            self._reconcile_at = trio.current_time() + RECONCILE_SECONDS
