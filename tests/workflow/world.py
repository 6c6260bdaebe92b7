"""A world for one workflow, without a node: a desk that keeps its history, and runs it to its end.

The desk answers as the Store would, in memory; each run is a child's run of `SyncLoop` or
`AsyncLoop`, without the sockets. `World.finish` runs the workflow until it has ended: it lets time
pass, runs the child jobs that it spawns, and may break off a run where it is told to.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import msgspec

from runtime import wire
from runtime.app import App
from runtime.child.context import JobContext, current
from runtime.child.ending import Judge
from runtime.child.notebook import NoWorkflows
from runtime.child.settings import ChildSettings
from runtime.job import NewJob
from runtime.outcome import Completed, Outcome, Suspended
from runtime.workflow.history import BEGUN_ANEW
from runtime.workflow.records import (
    Answer,
    Ask,
    ChildResult,
    Collect,
    Collected,
    Dependency,
    History,
    Recall,
    Recalled,
    Record,
    Recorded,
    Refused,
    SignalRow,
    Spawn,
    StepRecord,
)

JOB_ID = UUID("018f0000-0000-7000-8000-000000000001")


class Died(BaseException):
    """The process ends here: what it has asked until now was heard, and nothing more."""


class Slot:
    """A ticket that is filled already: the answer of a plain desk."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def wait(self) -> Answer:
        return self.answer


class World(NoWorkflows):
    """See the module's docstring. `page`: so many steps are recalled at a time."""

    stored_limit = 2 * 1024 * 1024

    def __init__(self, app: App, kind: str, *, page: int = 1000, **args: Any) -> None:
        self.app = app
        self.kind = kind
        self.args = json.dumps(args)
        self.page = page
        self.steps: dict[str, Recalled] = {}
        self.untils: dict[str, float] = {}
        self.modes: dict[str, str] = {}
        self.signals: list[SignalRow] = []
        self.events: dict[str, str] = {}
        self.published: dict[str, Any] = {}
        self.jobs: dict[UUID, tuple[str, NewJob]] = {}
        self.results: dict[UUID, ChildResult] = {}
        self.after: list[Dependency] = []
        self.asked: list[Ask] = []
        self.runs = 0
        self.outcome: Outcome | None = None
        # Asks, counted over all runs, at which the process dies: unheard, or heard and unanswered.
        self.die_before: set[int] = set()
        self.die_after: set[int] = set()
        self.deaths = 0
        self.collected_at_once = 3
        # Whether its cancellation was requested, why, and whether its deadline has come.
        self.ending: tuple[bool, str | None, bool] = (False, None, False)
        self.reason: str | None = None  # why its run is told to stop
        self._heard = 0
        self._dead = False
        self.refuse: Callable[[Ask], Refused | None] = lambda ask: None
        self._begun = time.monotonic()
        self._passed = 0.0
        self._lock = threading.Lock()

    # --- the desk ---------------------------------------------------------------------------------

    def stop_reason(self, seq: int) -> str | None:
        return self.reason

    def handler(self, kind: str) -> Any:
        return self.app.handlers.get(kind)

    def post(self, frame: Any) -> None:
        """Nobody hears."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Never."""

    def undisturbed(self, action: Callable[[], Any], /) -> Any:
        return action()

    def ask(self, frame: wire.Asked) -> Any:
        with self._lock:
            answer = self._answer(wire.Decoder().feed(wire.encode(frame))[0].ask)  # type: ignore[union-attr]
        if not self.app.handlers[self.kind].is_async:
            return Slot(answer)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(_fill, future, answer)
        return future

    @property
    def now(self) -> float:
        """Seconds since 1970, by the world's clock."""
        return 1_700_000_000.0 + time.monotonic() - self._begun + self._passed

    # --- the Store --------------------------------------------------------------------------------

    def _answer(self, ask: Ask) -> Answer:
        number, self._heard = self._heard, self._heard + 1
        if self._dead or number in self.die_before:
            self._die()
        answer = self._heeded(ask)
        if number in self.die_after:
            self._die()
        return answer

    def _die(self) -> None:
        self.deaths += not self._dead
        self._dead = True
        raise Died

    def _heeded(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        refused = self.refuse(ask)
        if refused is not None:
            return refused
        if isinstance(ask, Record):
            for step in ask.steps:
                self._record(step)
            return Recorded(self.now)
        if isinstance(ask, Recall):
            return self._history(ask)
        if isinstance(ask, Spawn):
            return self._spawn(ask)
        return self._collected(ask)

    def _record(self, step: StepRecord) -> None:
        if step.op == "continue":
            self.steps.clear()
            self.args = step.output or "{}"
        seen = self.steps.get(step.place)
        if seen is not None and seen.done and step.place != BEGUN_ANEW:
            return
        if step.signal is not None:
            self.signals = [each for each in self.signals if each.id != step.signal]
        if step.publish:
            self.published[step.name] = msgspec.json.decode(step.output or "null")
        until = step.until
        if step.until_seconds is not None:
            until = self.now + step.until_seconds
        self.modes[step.place] = step.mode
        self.steps.pop(step.place, None)
        self.steps[step.place] = Recalled(
            step.place,
            step.op,
            step.name,
            step.done,
            step.output,
            step.error,
            step.attempts,
            until,
        )

    def _spawn(self, ask: Spawn) -> Answer:
        for job in ask.jobs:
            self.jobs.setdefault(job.id, ("" if ask.detached else ask.step.place, job))
        if not ask.more:
            self.after += ask.after
            self._record(ask.step)
        return Recorded(self.now)

    def _history(self, ask: Recall) -> History:
        places = list(self.steps)
        first = 0 if ask.after is None else places.index(ask.after) + 1
        chosen = places[first : first + self.page]
        more = first + self.page < len(places)
        steps = tuple(self._recalled(self.steps[place]) for place in chosen)
        signals = () if more else tuple(self.signals)
        return History(steps, signals, more, self.now, *self.ending)

    def _recalled(self, step: Recalled) -> Recalled:
        value = self.events.get(step.name) if step.op == "event" and not step.done else None
        return msgspec.structs.replace(step, over=self.can_go_on(step), value=value)

    def can_go_on(self, step: Recalled) -> bool:
        """Whether an open step is over."""
        if step.done:
            return False
        if step.op in ("run", "map"):
            ended = [self.results.get(job_id) for job_id in self._children(step.place)]
            failed = any(each is not None and each.state != "completed" for each in ended)
            return None not in ended or (failed and self.modes[step.place] == "first")
        if step.op == "event" and step.name in self.events:
            return True
        return step.until is not None and step.until <= self.now

    def _children(self, place: str) -> list[UUID]:
        return [job_id for job_id, (of, _) in self.jobs.items() if of == place]

    def _collected(self, ask: Collect) -> Collected:
        ids = [UUID(bytes=each) for each in ask.ids[: self.collected_at_once]]
        kinds = {job_id: job.kind for job_id, (_, job) in self.jobs.items()}
        found = [self.results.get(each, ChildResult("available")) for each in ids]
        pairs = zip(ids, found, strict=True)
        return Collected(
            tuple(msgspec.structs.replace(each, kind=kinds.get(one, "")) for one, each in pairs)
        )

    # --- what happens -----------------------------------------------------------------------------

    def send(self, name: str, value: Any = None) -> None:
        """A signal."""
        number = len(self.asked) * 1000 + len(self.signals)
        self.signals.append(SignalRow(number.to_bytes(16), name, json.dumps(value)))

    def emit(self, name: str, value: Any = None) -> None:
        """An event."""
        self.events.setdefault(name, json.dumps(value))

    def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self._passed += seconds

    def open_steps(self) -> list[Recalled]:
        """What the workflow waits for."""
        return [step for step in self.steps.values() if not step.done]

    def run_child(self, job_id: UUID) -> None:
        """Run a child job, plainly."""
        _, job = self.jobs[job_id]
        handler = self.app.handlers[job.kind]
        frame = wire.Run(1, 0, job_id.bytes, 1, job.kind, "default", job.args, 1, 1, "{}")
        outcome = _run(handler, frame, JobContext(frame, _Collecting(self, handler.is_async)))
        if isinstance(outcome, Completed):
            self.results[job_id] = ChildResult("completed", outcome.output)
        else:
            failure = outcome.failure  # type: ignore[union-attr]
            assert failure is not None
            self.results[job_id] = ChildResult(
                "discarded", None, failure.error_class, failure.message
            )

    def run(self) -> Outcome:
        """One run. Raises: Died."""
        self.runs += 1
        self._dead = False
        frame = wire.Run(
            seq=self.runs,
            epoch=0,
            id=JOB_ID.bytes,
            run_number=self.runs,
            kind=self.kind,
            queue="default",
            args=self.args,
            attempt=1,
            max_attempts=25,
            metadata="{}",
        )
        self.outcome = _run(self.app.handlers[self.kind], frame, JobContext(frame, self))
        return self.outcome

    def finish(self, *, most: int = 10_000) -> Outcome:
        """Run until it has ended: children, time, and another process where one has died."""
        for _ in range(most):
            try:
                outcome = self.run()
            except Died:
                continue
            if not isinstance(outcome, Suspended):
                return outcome
            self.move_on(outcome)
        raise AssertionError(f"it goes on for ever: {self.open_steps()}")

    def move_on(self, outcome: Suspended) -> None:
        """Have something happen that it waits for."""
        for job_id, why in self.ready():
            if why is None:
                self.run_child(job_id)
            else:
                self.results[job_id] = ChildResult("cancelled", None, "", why)
        if any(self.can_go_on(step) for step in self.open_steps()):
            return
        if outcome.seconds is not None:
            self.pass_time(outcome.seconds + 0.001)

    def ready(self) -> Iterator[tuple[UUID, str | None]]:
        """Child jobs that may begin, one after the other; or why one is skipped."""
        for job_id, (place, _) in list(self.jobs.items()):
            needed = [each for each in self.after if job_id.bytes in each.waiting]
            states = [self._states(each) for each in needed]
            if job_id in self.results or any(None in each for each in states):
                continue
            siblings = [
                self.results[each] for each in self._children(place) if each in self.results
            ]
            failed = any(each.state != "completed" for each in siblings)
            if needed and failed and self.modes.get(place) == "stop":
                yield job_id, "skipped: another has failed"
            elif any(
                set(each[: one.strict]) - {"completed"}
                for one, each in zip(needed, states, strict=True)
            ):
                yield job_id, "skipped: what it comes after has"
            else:
                yield job_id, None

    def _states(self, dependency: Dependency) -> list[str | None]:
        ended = [self.results.get(UUID(bytes=each)) for each in dependency.needed]
        return [None if each is None else each.state for each in ended]

    @property
    def output(self) -> Any:
        """Of a workflow that has ended well."""
        assert isinstance(self.outcome, Completed), self.outcome
        return None if self.outcome.output is None else json.loads(self.outcome.output)


class _Collecting(NoWorkflows):
    """The desk of a child job: it may ask for outputs of others."""

    stored_limit = 2 * 1024 * 1024

    def __init__(self, world: World, is_async: bool) -> None:
        self._world = world
        self._is_async = is_async

    def ask(self, frame: wire.Asked) -> Any:
        assert isinstance(frame.ask, Collect)
        answer = self._world._collected(frame.ask)
        if not self._is_async:
            return Slot(answer)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.set_result(answer)
        return future

    def stop_reason(self, seq: int) -> str | None:
        return None

    def handler(self, kind: str) -> Any:
        return None

    def post(self, frame: Any) -> None:
        """Nobody hears."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Never."""

    def undisturbed(self, action: Callable[[], Any], /) -> Any:
        return action()


def _fill(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


def _run(handler: Any, frame: wire.Run, job: JobContext) -> Outcome:
    judge = Judge(ChildSettings())
    context = contextvars.copy_context()
    context.run(current.set, job)

    async def in_loop() -> Any:
        return await handler.call(frame.args)

    try:
        if handler.is_async:
            value = context.run(asyncio.run, in_loop())
        else:
            value = context.run(handler.call, frame.args)
    except Died:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return context.run(judge.of_error, handler, frame.attempt, error)
    return context.run(judge.of_value, handler, value)
