"""Those who ask: a client that enqueues, people who cancel, pause and resume."""

from __future__ import annotations

import trio

from runtime.errors import JobNotFound, StoreUnavailable
from runtime.lifecycle import JobState
from tests.simulation.flowing import send_signals
from tests.simulation.link import Link
from tests.simulation.plans import QUEUES, Plan, draw_plan
from tests.simulation.world import World

# From an enqueue whose answer was lost to its repetition.
AGAIN_SECONDS = 0.2
# Of enqueues whose answer was lost, so many are not repeated: nobody knows whether they are there.
GIVEN_UP = 0.1


class Clients:
    """See the module's docstring. Attributes: done, when all jobs were asked for."""

    def __init__(self, world: World) -> None:
        self.done = trio.Event()
        self._world = world
        self._link = Link(world, "client")

    @property
    def under_way(self) -> int:
        """Requests that may still take effect."""
        return self._link.under_way

    async def enqueue_all(self) -> None:
        """Ask for as many jobs as the weather has, spread over its time."""
        world = self._world
        left = world.weather.jobs
        while left > 0:
            bulk = [self.plan() for _ in range(min(left, world.dice.randint(1, 6)))]
            left -= len(bulk)
            await self.enqueue(bulk)
            await trio.sleep(world.about(world.weather.seconds * len(bulk) / world.weather.jobs))
        self.done.set()

    def plan(self, queue: str = "", kind: str = "") -> Plan:
        """One more job."""
        dice, number = self._world.dice, len(self._world.plans) + 1
        plan = draw_plan(dice, number, kind or dice.choice(self._world.weather.kinds), queue)
        self._world.plans[plan.job.id] = plan
        send_signals(self._world, plan)
        return plan

    async def enqueue(self, plans: list[Plan]) -> None:
        """Until it is known to be written, or given up."""
        chronicle = self._world.chronicle
        while True:
            try:
                await self._link.enqueue([plan.job for plan in plans])
            except StoreUnavailable:
                for plan in plans:
                    chronicle.asked(plan.job.id, "unknown")
                if not self._world.calm and self._world.dice.random() < GIVEN_UP:
                    return
                await trio.sleep(AGAIN_SECONDS)
            else:
                for plan in plans:
                    chronicle.asked(plan.job.id, "ok")
                return

    async def cancel_some(self) -> None:
        """Ask for cancellations, now and then."""
        world = self._world
        while not world.calm:
            await trio.sleep(world.about(1.0))
            if world.plans:
                await self._cancel(world.dice.choice(list(world.plans.values())))

    async def _cancel(self, plan: Plan) -> None:
        plan.cancel_asked = True
        try:
            job = await self._link.cancel(plan.job.id)
        except (StoreUnavailable, JobNotFound) as error:
            self._world.chronicle.note("client", f"cannot cancel {plan.name}: {error!r}")
            return
        if job.state is JobState.CANCELLED:
            plan.cancelled_at = trio.current_time()

    async def pause_some(self) -> None:
        """Pause queues and jobs for a while, now and then."""
        world = self._world
        while not world.calm:
            await trio.sleep(world.about(3.0))
            await self._try("pause", world.dice.choice(QUEUES))
            for plan in world.dice.sample(list(world.plans.values()), min(5, len(world.plans))):
                await self._hold(plan)
            await trio.sleep(world.about(1.0))
            await self.resume_all()

    async def _hold(self, plan: Plan) -> None:
        plan.held = True
        try:
            job = await self._link.pause_job(plan.job.id)
        except (StoreUnavailable, JobNotFound) as error:
            self._world.chronicle.note("client", f"cannot hold {plan.name} back: {error!r}")
            return
        if job.state is JobState.PENDING and not plan.freed:
            plan.held_at = trio.current_time()

    async def resume_all(self) -> None:
        """Until it is known to be done."""
        while not await self._try("resume", "*"):  # noqa: ASYNC110 - in virtual time
            await trio.sleep(AGAIN_SECONDS)
        for plan in self._world.plans.values():
            plan.held_at = None
        for plan in [each for each in self._world.plans.values() if each.held]:
            while not await self._let_go(plan):
                plan.freed = True
                await trio.sleep(AGAIN_SECONDS)

    async def _let_go(self, plan: Plan) -> bool:
        try:
            await self._link.resume_job(plan.job.id)
        except StoreUnavailable as error:
            self._world.chronicle.note("client", f"cannot let {plan.name} go on: {error!r}")
            return False
        except JobNotFound:
            return True
        return True

    async def _try(self, verb: str, queue: str) -> bool:
        try:
            await getattr(self._link, verb)(queue)
        except StoreUnavailable as error:
            self._world.chronicle.note("client", f"cannot {verb}: {error!r}")
            return False
        return True
