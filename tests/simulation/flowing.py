"""A workflow at work in a simulation: it asks as real ones do, and its effects are watched.

Rules, which are promises: nothing is done before all that was done before it is recorded; what is
recorded is not done again; a workflow that is completed has recorded all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

import trio

from runtime import wire
from runtime.errors import RunStopped
from runtime.job import Job, NewJob
from runtime.lifecycle import JobState
from runtime.outcome import Suspended
from runtime.workflow.ids import child_id
from runtime.workflow.records import (
    Answer,
    Ask,
    Collect,
    Collected,
    Dependency,
    History,
    Recall,
    Recalled,
    Record,
    Refused,
    SignalRow,
    Spawn,
    StepRecord,
)
from scripts.campaigns.checker import Violation
from tests.simulation.acting import Acting, Ended, judge
from tests.simulation.plans import Op, Plan
from tests.simulation.world import World

if TYPE_CHECKING:
    from tests.simulation.child import SimulatedChild

# Until signals are sent no more to a job that is not there: it will not come.
_SEND_SECONDS = 60.0


class _Interrupted(Exception):
    """It is told to stop."""


class _Suspend(Exception):
    """It waits. `seconds`: until a known time."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds


class Flowing(Acting):
    """One run of a workflow; see Acting."""

    def __init__(self, world: World, child: SimulatedChild, frame: wire.Run, node: str) -> None:
        super().__init__(world, child, frame, node)
        self._job = UUID(bytes=frame.id)
        self._ops = world.plans[self._job].ops
        self._mishap = world.dice.randrange(len(self._ops) + 1)
        self._asked = 0
        self._answers: dict[int, Answer] = {}
        self._answered = trio.Event()
        self._unsure: list[int] = []  # asks whose answers the next operation waits for
        self._past: dict[str, Recalled] = {}
        self._signals: list[SignalRow] = []
        self._now = 0.0
        self._paused = False

    def pause(self) -> None:
        """See Acting."""
        self._paused = True

    def answer(self, frame: wire.Answered) -> None:
        """Its node has answered."""
        self._answers[frame.number] = frame.answer
        self._answered.set()

    async def run(self) -> Ended:
        """See Acting."""
        try:
            await self._flow()
        except _Interrupted:
            assert self._interruption is not None
            return self._stopped(self._interruption)
        except _Suspend as wait:
            return Ended("snoozed", Suspended(wait.seconds))
        except RunStopped as error:
            return Ended("stopped", judge.of_error(None, self._frame.attempt, error))
        except _Raised:
            return self._ended("raise")
        return self._ended("succeed")

    async def _flow(self) -> None:
        await self._recall()
        for number, op in enumerate(self._ops, 1):
            if number > self._mishap:
                await self._suffer()
            for asked in self._unsure:
                await self._answer_to(asked)
            self._unsure.clear()
            if self._paused:
                raise _Suspend(0.0)
            await self._do(str(number), op)

    async def _suffer(self) -> None:
        """What its plan has in store for this run."""
        what = self._act.what
        if what == "raise":
            raise _Raised
        if what == "hang":
            await self._until(trio.Event())
        if what in ("exit", "crash"):
            died = {"exit": (3, None), "crash": (None, "SIGSEGV")}[what]
            cause = "exit" if what == "exit" else "signal"
            self._child.end(cause, exit_status=died[0], signal=died[1])
            await trio.sleep_forever()

    async def _do(self, place: str, op: Op) -> None:
        seen = self._past.get(place)
        if seen is not None and seen.done:
            return
        if op.what == "step":
            await self._step(place, op.seconds)
        elif op.what == "sleep":
            self._sleep(place, op.seconds, seen)
        elif op.what == "signal":
            self._wait_signal(place, seen)
        else:
            await self._jobs(place, int(op.seconds), seen, graph=op.what == "graph")

    async def _step(self, place: str, seconds: float) -> None:
        self._watch(place)
        with trio.move_on_after(seconds):
            await self._until(trio.Event())
        self._put(StepRecord(place, "step", "effect", output=place))

    def _watch(self, place: str) -> None:
        """The effect of a step happens now."""
        recorded = self._world.store._state.steps.get(self._job, {})
        done = {at for at, step in recorded.items() if step.record.done}
        missing = {str(number) for number in range(1, int(place))} - done
        failings = self._world.chronicle.failings
        if missing:
            failings.append(f"{self.name} does {place} before {sorted(missing)} are recorded")
        if place in done:
            failings.append(f"{self.name} does {place} again, which is recorded")

    def _sleep(self, place: str, seconds: float, seen: Recalled | None) -> None:
        if seen is None:
            self._put(StepRecord(place, "sleep", "", done=False, until_seconds=seconds))
            raise _Suspend(seconds)
        if not seen.over:
            assert seen.until is not None
            raise _Suspend(max(0.0, seen.until - self._now))
        self._put(StepRecord(place, "sleep", ""))

    def _wait_signal(self, place: str, seen: Recalled | None) -> None:
        sent = next((each for each in self._signals if each.name == place), None)
        if sent is not None:
            self._put(StepRecord(place, "signal", place, output=sent.value, signal=sent.id))
            return
        if seen is None:
            self._put(StepRecord(place, "signal", place, done=False))
        raise _Suspend(None)

    async def _jobs(self, place: str, count: int, seen: Recalled | None, *, graph: bool) -> None:
        """A map; or a graph, in which each job comes after the one before."""
        ids = [child_id(self._job, place, index) for index in range(count)]
        step = StepRecord(place, "map", "tiny", done=False, mode="finish" if graph else "all")
        if count > 2 and not graph:
            step = StepRecord(place, "map", "tiny", done=False, mode="all", max_in_flight=2)
        if seen is None:
            held = [graph and index > 0 for index in range(count)]
            jobs = tuple(map(self._child_job, ids, held))
            after = [
                Dependency((before.bytes,), int(self._job.bytes[-1] % 2 == 0), (each.bytes,))
                for before, each in pairwise(ids if graph else [])
            ]
            await self._ask(Spawn(step, jobs, after=tuple(after)))
        if seen is None or not seen.over:
            raise _Suspend(None)
        found = await self._ask(Collect(place, tuple(each.bytes for each in ids)))
        assert isinstance(found, Collected)
        if not all(JobState(each.state).final for each in found.results):
            self._world.chronicle.failings.append(f"{self.name} goes on before its children end")
        for before, each in pairwise(ids if graph else []):
            self._watch_order(before, each)
        self._put(StepRecord(place, "map", "tiny", output=str(len(found.results))))

    def _watch_order(self, before: UUID, each: UUID) -> None:
        """Of two jobs of a graph that have ended."""
        jobs = self._world.store._state.jobs
        if before in jobs and each in jobs:
            ended, begun = jobs.get(before).finalized_at, jobs.get(each).attempted_at
            if ended is not None and begun is not None and begun < ended:
                text = f"{self.name}: a job has begun before the one that it comes after had ended"
                self._world.chronicle.failings.append(text)

    def _child_job(self, job_id: UUID, held: bool) -> NewJob:
        plans = self._world.plans
        if job_id not in plans:
            job = NewJob(id=job_id, kind="tiny", max_attempts=100, held=held)
            plans[job_id] = Plan(len(plans) + 1, job, [], cancel_asked=True)
            self._world.chronicle.asked(job_id, "unknown")
        return plans[job_id].job

    # --- asking -----------------------------------------------------------------------------------

    async def _recall(self) -> None:
        after = None
        while self._frame.run_number > 1:
            page = await self._ask(Recall(after))
            assert isinstance(page, History)
            self._past |= {step.place: step for step in page.steps}
            self._signals += page.signals
            self._now = page.now
            if not page.more:
                return
            after = page.steps[-1].place

    def _put(self, step: StepRecord) -> None:
        self._unsure.append(self._send(Record((step,))))

    def _send(self, ask: Ask) -> int:
        self._asked += 1
        self._child.write(wire.encode(wire.Asked(self._frame.seq, self._asked, ask)), [])
        return self._asked

    async def _ask(self, ask: Ask) -> Answer:
        return await self._answer_to(self._send(ask))

    async def _answer_to(self, asked: int) -> Answer:
        while asked not in self._answers:
            self._answered = trio.Event()
            await self._until(self._answered)
        answer = self._answers[asked]
        if isinstance(answer, Refused):
            raise RunStopped(answer.message)
        return answer

    async def _until(self, event: trio.Event) -> None:
        """Wait for it. Raises: _Interrupted."""
        async with trio.open_nursery() as nursery:
            for each in (event, self._interrupted):
                nursery.start_soon(_cancel_when, each, nursery.cancel_scope)
        if self._interrupted.is_set():
            await self._world.blink(0.05)  # it cleans up
            raise _Interrupted


class _Raised(Exception):
    """As planned."""


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def send_signals(world: World, plan: Plan) -> None:
    """Send what a workflow waits for, each some time."""
    for number, op in enumerate(plan.ops, 1):
        if op.what == "signal":
            world.start(_send_signal, world, plan, str(number))


async def _send_signal(world: World, plan: Plan, name: str) -> None:
    await trio.sleep(world.about(world.weather.seconds / 4))
    with trio.move_on_after(_SEND_SECONDS):
        jobs = world.store._state.jobs
        while world.away or plan.job.id not in jobs:  # noqa: ASYNC110 - in virtual time
            await trio.sleep(0.5)
        world.store.send_signal(plan.job.id, name)
        world.chronicle.note("client", f"signals {plan.name}: {name}")


def broken(world: World, rows: Sequence[Job]) -> Iterator[Violation]:
    """What of the promises is broken in the end."""
    for row in rows:
        ops = world.plans[row.id].ops
        if row.state is JobState.COMPLETED and ops:
            steps = world.store._state.steps.get(row.id, {})
            done = {place for place, step in steps.items() if step.record.done}
            missing = {str(number) for number in range(1, len(ops) + 1)} - done
            if missing:
                text = f"it is completed, and {sorted(missing)} are not recorded"
                yield Violation("unrecorded", row.id, text)
