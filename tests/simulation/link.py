"""Link: one process's way to the database, over which requests and answers may get lost.

    call ─▶ request ── lag ──▶ effect (atomic) ── lag ──▶ answer
             │ refused: no effect        │ answer lost: the effect is there all the same
             └ withheld: never arrives   └ lingers: arrives when its caller has long given up

What a bridge promises holds here too: a call that is not answered in time fails, a cancelled one
waits for a moment whether it will be answered. A process that was killed reads no answers; what it
had sent may still take effect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import trio

from actors.store.bridge.mailbox import Mailbox
from actors.store.bridge.port import UNIT_TIMEOUT_SECONDS
from actors.store.listening import TOPICS, Notifications
from actors.store.protocol import Demand, Listening, Notification
from actors.store.standby import Standby
from runtime.errors import StoreUnavailable
from runtime.job import ClaimedJob
from tests.simulation.freezer import Group, start_in
from tests.simulation.noted import noted
from tests.simulation.world import World

# How long a cancelled call waits for its answer, as in the bridge's pool.
SETTLE_SECONDS = 1.0
# The longest that a network keeps a request that it delivers in the end.
LINGER_SECONDS = 20.0


@attrs.define(eq=False)
class _Request:
    name: str
    args: tuple[Any, ...]
    named: dict[str, Any]
    settled: trio.Event = attrs.field(factory=trio.Event)
    answer: Any = None
    error: Exception | None = None
    withdrawn: bool = False

    def succeed(self, answer: Any) -> None:
        self.answer = answer
        self.settled.set()

    def fail(self, error: Exception) -> None:
        self.error = error
        self.settled.set()

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer


class Link:
    """A Store, as a process has it; see the module's docstring. `group`: of the process.

    Attributes: dark, while nothing comes through; deaf, while no notification does.
    """

    def __init__(self, world: World, owner: str, group: Group | None = None) -> None:
        self.dark = False
        self.deaf = False
        self._world = world
        self._owner = owner
        self._group = group
        self._cut = False
        self._standbys: dict[Standby, trio.Event] = {}
        self._mailboxes: list[Mailbox] = []
        self.under_way = 0  # requests that may still take effect

    def cut(self) -> None:
        """The process is dead: nothing is sent or received any more."""
        self._cut = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._call, name)

    # --- calls ------------------------------------------------------------------------------------

    async def _call(self, name: str, *args: Any, **named: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if self._cut:
            raise StoreUnavailable("dead men ask nothing")
        request = _Request(name, args, named)
        self._world.chronicle.calls += 1
        self.under_way += 1
        self._world.start(self._carry, request)
        with trio.move_on_after(UNIT_TIMEOUT_SECONDS):
            if await self._wait(request):
                return request.result()
        raise StoreUnavailable(f"{name}: no answer")

    async def _wait(self, request: _Request) -> bool:
        """Whether it was answered. Cancelled, it may still be, for a moment."""
        try:
            await request.settled.wait()
        except trio.Cancelled:
            request.withdrawn = True
            with trio.move_on_after(SETTLE_SECONDS, shield=True):
                await request.settled.wait()
            if not request.settled.is_set() or request.error is not None:
                raise
        return True

    async def _carry(self, request: _Request) -> None:
        """There and back again; a task of the world."""
        await self._convey(request)
        self.under_way -= 1

    async def _convey(self, request: _Request) -> None:
        world = self._world
        restarts = world.restarts
        if world.chance("withhold"):
            self._spoil(request, "is never heard of")
            return
        await world.lag()
        if world.chance("linger"):
            self._spoil(request, "lingers on its way")
            await trio.sleep(world.dice.uniform(1.0, LINGER_SECONDS))
        if self.dark and not await self._wait_light():
            self._spoil(request, "is dropped in the dark")
        elif world.chance("refuse") or world.away or world.restarts != restarts:
            self._spoil(request, "is refused", "refused")
        elif (request.withdrawn or self._cut) and world.dice.random() < 0.5:
            self._spoil(request, "comes to nothing", "withdrawn")
        else:
            await self._take_effect(request)

    async def _take_effect(self, request: _Request) -> None:
        world = self._world
        restarts = world.restarts
        try:
            answer = await getattr(world.store, request.name)(*request.args, **request.named)
        except Exception as error:
            await world.lag()
            request.fail(error)
            return
        noted(world, self._owner, request.name, request.args, answer)
        await world.lag()
        if self.dark or self._cut:
            self._spoil(request, "took effect; nobody reads the answer")
        elif world.chance("lose answer") or world.restarts != restarts:
            self._spoil(request, "took effect; its answer is lost", "lost")
        else:
            request.succeed(answer)

    async def _wait_light(self) -> bool:
        """In the dark: whether what was sent is delivered in the end."""
        if self._world.dice.random() < 0.5:
            return False
        while self.dark:  # noqa: ASYNC110 - in virtual time
            await trio.sleep(0.1)
        return True

    def _spoil(self, request: _Request, how: str, told: str = "") -> None:
        """`told`: what its caller is told at once, if anything."""
        self._world.chronicle.spoiled += 1
        self._world.chronicle.note(self._owner, f"!{request.name} {how}")
        if told:
            request.fail(StoreUnavailable(f"{request.name}: {told}"))

    # --- notifications ----------------------------------------------------------------------------

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listening]:
        """As Store.listen: notes come late, or not at all while it is deaf."""
        mailbox = Mailbox()
        scope = trio.CancelScope()
        async with self._world.store.listen() as notes:
            if self.deaf:
                mailbox.set_down(True)
            self._mailboxes.append(mailbox)
            start_in(self._group, self._world.nursery, self._pump, notes, mailbox, scope)
            try:
                topics = {topic: topic for topic in TOPICS}
                yield Notifications(mailbox.receive, topics, lambda: Standby("wakeup", ear=mailbox))
            finally:
                scope.cancel()
                self._mailboxes.remove(mailbox)
                mailbox.close()

    async def _pump(
        self,
        notes: Listening,
        mailbox: Mailbox,
        scope: trio.CancelScope,
    ) -> None:
        with scope:
            while True:
                note = await notes.receive()
                await self._world.lag()
                while self.dark:  # noqa: ASYNC110 - in virtual time
                    await trio.sleep(0.1)
                if self.deaf:
                    continue
                if note.topic in ("lost", "back"):
                    mailbox.set_down(note.topic == "lost")
                elif not self._take(mailbox, note):
                    mailbox.put(note.topic, note.payload)

    def deafen(self) -> None:
        """Its listening connection is gone, though it may not know yet."""
        self.deaf = True

    def notice(self) -> None:
        """It learns that it is deaf."""
        for mailbox in self._mailboxes:
            mailbox.set_down(True)

    def hear(self) -> None:
        """It listens again."""
        self.deaf = False
        for mailbox in self._mailboxes:
            mailbox.set_down(True)
            mailbox.set_down(False)

    # --- claims on standby ------------------------------------------------------------------------

    async def claim_at(
        self, standby: Standby, node_id: int, demand: Sequence[Demand], *, timeout_seconds: float
    ) -> list[ClaimedJob]:
        """As Store.claim_at."""
        if not await self._wait_for(standby):
            return []
        began = trio.current_time()
        with trio.move_on_after(timeout_seconds):
            try:
                claimed: list[ClaimedJob] = await self._call("claim", node_id, demand)
                return claimed
            finally:
                standby.seconds = trio.current_time() - began
        raise StoreUnavailable("claim_at: no answer")

    async def _wait_for(self, standby: Standby) -> bool:
        woken = trio.Event()
        standby.on_withdraw = woken.set
        if standby.withdrawn:
            await trio.lowlevel.checkpoint()
            return False
        self._standbys[standby] = woken
        try:
            await woken.wait()
        finally:
            self._standbys.pop(standby, None)
        return standby.woken_by is not None

    def _take(self, mailbox: Mailbox, note: Notification) -> bool:
        """Whether a standby begins at this note, which then is nobody else's."""
        for standby, woken in self._standbys.items():
            if standby.takes(note.topic, mailbox) and not woken.is_set():
                standby.woken_by = note.payload
                woken.set()
                return True
        return False
