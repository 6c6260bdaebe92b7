"""The Recorder: writes what workflows record of their steps, in batches, and answers their runs.

    Workers ── records, spawns ──▶ pending ──▶ Store.record (one call a batch) ──┐
                └─ recalls, collects ──▶ Store.recall, Store.collect, beside it ─┴─▶ answers

Rules: whatever has arrived when the last write is done makes the next batch. A question is taken at
once, and answered once; whoever asks waits for room before it takes more of its child's. A batch
that could not be written stays and is written again, until the lease ends: to repeat it changes
nothing. What the database refuses for its content is found by writing one by one, and refused
alone; where it refuses for another reason, it is asked again. A reading is dropped when nobody
waits for it any more; a record is written though its child has died since, for it says what was
done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, assert_never, cast
from uuid import UUID

import attrs
import msgspec
import trio

from actors import events
from actors.kit.life import Life
from actors.lease import Lease, cancel_when_over
from actors.retry import Retry
from actors.runs import HeldRun
from actors.store.errors import DatabaseError
from actors.store.protocol import RunRecords, Store
from runtime.errors import StoreUnavailable
from runtime.workflow.records import (
    Answer,
    Ask,
    Collect,
    Recall,
    Record,
    Refused,
    Spawn,
)

# Asks in one call, and the bytes that their payloads may take together.
MAX_BATCH = 1000
# Writes of steps under way at once, and as many of child jobs; of more asks than are worth a write,
# each takes half. While some runs go on, the records of others are written: with one write at a
# time, all came to move in step: the database waited while children computed, and they for it.
WRITERS = 2
WORTHY = 50
MAX_BATCH_BYTES = 16 * 1024 * 1024
# What a child job weighs besides its args: it takes the database 0.2 ms.
JOB_BYTES = 16 * 1024
# With more than this unanswered, Workers wait before they take more of what their children ask.
ROOM = 4 * MAX_BATCH
ROOM_BYTES = 4 * MAX_BATCH_BYTES
# Readings under way at once: they must leave connections for claims, acks and records.
READERS = 2
# First pages of histories in one reading: all workflows that wait for an event go on together.
MOST_RECALLS = 50
# A write or a reading takes milliseconds. One that is not answered in this time went to a
# connection that is dead. The next try may take as long as the Store lets it.
ANSWER_SECONDS = 10.0
# Classes of SQLSTATE: data exceptions, violated constraints, limits exceeded.
_OF_CONTENT = ("22", "23", "54")


class Asker(Protocol):
    """Who put questions."""

    def answered(self, answers: Sequence[tuple[Question, Answer]]) -> None:
        """All answers of one batch that are its."""

    def waits(self, question: Question) -> bool:
        """Whether there still is somebody to be answered."""


class Question(msgspec.Struct, frozen=True, eq=False):
    """What a run asks. `number`: counts its asks."""

    asker: Asker
    run: HeldRun
    number: int
    ask: Ask
    writes: bool  # it is to be recorded, rather than read
    size: int  # of its payloads, about, in bytes

    @property
    def steps(self) -> int:
        """How many rows it writes."""
        ask = self.ask
        if isinstance(ask, Record):
            return len(ask.steps)
        return int(isinstance(ask, Spawn) and not ask.more)

    @property
    def records(self) -> RunRecords:
        """As the Store takes it."""
        job = self.run.job
        return RunRecords(job.id, job.run_number, cast("Record | Spawn", self.ask))


def weigh(asker: Asker, run: HeldRun, number: int, ask: Ask) -> Question:
    """The question that a run asks."""
    match ask:
        case Record(steps):
            size = sum([len(step.output or "") for step in steps])
        case Spawn():
            size = sum([JOB_BYTES + len(job.args) for job in ask.jobs])
        case _:
            return Question(asker, run, number, ask, False, 0)
    return Question(asker, run, number, ask, True, size)


@attrs.define(eq=False)
class _Queue:
    """Questions that wait to be written, `most` in one call."""

    most: int
    items: list[Question] = attrs.field(factory=list, init=False)
    _arrived: trio.Event = attrs.field(factory=trio.Event, init=False)

    def put(self, question: Question) -> None:
        self.items.append(question)
        self._arrived.set()

    def put_back(self, batch: Sequence[Question]) -> None:
        self.items[:0] = batch

    async def wait(self) -> None:
        """Until there is one."""
        if self._arrived.is_set():  # else another writer waits for it, too
            self._arrived = trio.Event()
        await self._arrived.wait()

    def take(self) -> list[Question]:
        """As many as one call may take; the first however large it is."""
        weight, count = 0, 0
        for question in self.items[: min(self.most, max(WORTHY, len(self.items) // 2))]:
            weight += question.size
            if count and weight > MAX_BATCH_BYTES:
                break
            count += 1
        taken = self.items[:count]
        del self.items[:count]
        return taken


@attrs.define(eq=False)
class Recorder:
    """See the module's docstring. Workers call `take`; the supervisor runs `run`."""

    store: Store
    lease: Lease
    observe: events.Observer = events.ignore
    _steps: _Queue = attrs.field(factory=lambda: _Queue(MAX_BATCH), init=False)
    _spawns: _Queue = attrs.field(factory=lambda: _Queue(WORTHY), init=False)
    _readings: list[Question] = attrs.field(factory=list, init=False)
    _taken: int = attrs.field(default=0, init=False)  # and not answered
    _bytes: int = attrs.field(default=0, init=False)  # of these
    _asked: trio.Event = attrs.field(factory=trio.Event, init=False)  # a reading
    _roomy: trio.Event = attrs.field(factory=trio.Event, init=False)
    _unanswered: bool = attrs.field(default=False, init=False)  # the last write
    _retry: Retry = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._retry = Retry("recorder", self.observe)

    @property
    def full(self) -> bool:
        """Whether there is no room for more questions."""
        return self._taken >= ROOM or self._bytes >= ROOM_BYTES

    def take(self, question: Question) -> None:
        """A question. Never waits; `answered` is called later, and never from here."""
        self._taken += 1
        self._bytes += question.size
        if question.writes:
            (self._spawns if isinstance(question.ask, Spawn) else self._steps).put(question)
        else:
            self._readings.append(question)
            self._asked.set()

    async def wait_room(self) -> None:
        """Wait while there is no room for more questions."""
        while self.full:
            await self._roomy.wait()

    async def run(self, life: Life) -> None:
        """Write and read until asked to stop, and nothing is left to write.

        The Workers stop before the Recorder does, so what is pending then is all there will be.
        """
        self._recount()
        life.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when_over, self.lease, life, nursery.cancel_scope)
            for _ in range(READERS):
                nursery.start_soon(self._read)
            async with trio.open_nursery() as writers:
                for _ in range(WRITERS):
                    writers.start_soon(self._write_until, life, self._steps)
                    writers.start_soon(self._write_until, life, self._spawns)
            nursery.cancel_scope.cancel()

    def _recount(self) -> None:
        """Without what an earlier incarnation was reading when it ended: nobody waits for that."""
        left = [*self._steps.items, *self._spawns.items, *self._readings]
        self._taken, self._bytes = len(left), sum(question.size for question in left)

    # --- writing ----------------------------------------------------------------------------------

    async def _write_until(self, life: Life, queue: _Queue) -> None:
        while True:
            if queue.items:
                await self._write(queue)
            elif life.stopping:
                return
            else:
                with life.stop_scope():
                    await queue.wait()

    async def _write(self, queue: _Queue) -> None:
        batch = queue.take()
        answers: Sequence[Answer]
        try:
            answers = await self._answers_to(batch)
        except StoreUnavailable as error:
            if self.lease.held:
                queue.put_back(batch)
                await self._retry.after(error)
                return
            answers = [Refused("lost", "the node's lease ran out")] * len(batch)
        except BaseException:
            queue.put_back(batch)
            raise
        self._retry.succeeded()
        self._answer(list(zip(batch, answers, strict=True)))

    async def _answers_to(self, batch: Sequence[Question]) -> Sequence[Answer]:
        try:
            return await self._record(batch)
        except DatabaseError as error:
            return await self._record_one_by_one(batch, _refusal(error))

    async def _record(self, batch: Sequence[Question]) -> Sequence[Answer]:
        """One try, on one connection. That one may be dead while others would do."""
        began = trio.current_time()
        seconds = float("inf") if self._unanswered else ANSWER_SECONDS
        with trio.move_on_after(seconds):
            answers = await self.store.record([question.records for question in batch])
            self._unanswered = False
            self._report(batch, answers, trio.current_time() - began)
            return answers
        self._unanswered = True
        raise StoreUnavailable(f"steps were not confirmed within {seconds:g} s")

    async def _record_one_by_one(self, batch: Sequence[Question], refused: Refused) -> list[Answer]:
        """The database refused the batch: find out what it cannot take.

        Raises: StoreUnavailable: all will be written again.
        """
        if len(batch) == 1:
            return [refused]
        answers: list[Answer] = []
        for question in batch:
            try:
                answers += await self._record([question])
            except DatabaseError as error:
                answers.append(_refusal(error))
        return answers

    def _report(self, batch: Sequence[Question], answers: Sequence[Answer], seconds: float) -> None:
        steps, refused = 0, 0
        for question, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Refused):
                refused += 1
            else:
                steps += question.steps
        self.observe(events.Recorded(len(batch), steps, refused, seconds))

    # --- reading ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        retry = Retry("recorder", self.observe)
        while True:
            while not self._readings:
                self._asked = trio.Event()
                await self._asked.wait()
            batch = self._next_readings()
            self._answer(list(zip(batch, await self._find(batch, retry), strict=True)))

    def _next_readings(self) -> list[Question]:
        """The next one; with others, if it is of the first page, as they are."""
        batch = [self._readings.pop(0)]
        if _begins(batch[0]):
            batch += [each for each in self._readings if _begins(each)][: MOST_RECALLS - 1]
            taken = set(map(id, batch))
            self._readings = [each for each in self._readings if id(each) not in taken]
        return batch

    async def _find(self, batch: Sequence[Question], retry: Retry) -> Sequence[Answer]:
        """Asked for until it is answered, or nobody waits for it."""
        while self.lease.held and any(each.asker.waits(each) for each in batch):
            try:
                answers = await self._ask(batch)
            except StoreUnavailable as error:
                await retry.after(error)
            except DatabaseError as error:  # there is nothing in it that it could refuse
                await retry.after(StoreUnavailable(str(error)))
            else:
                retry.succeeded()
                return answers
        return [Refused("lost", "the run is over")] * len(batch)

    async def _ask(self, batch: Sequence[Question]) -> Sequence[Answer]:
        with trio.move_on_after(ANSWER_SECONDS):
            if len(batch) == 1:
                return [await self._ask_one(batch[0])]
            runs = [(each.run.job.id, each.run.job.run_number) for each in batch]
            return await self.store.recall_first(runs)
        raise StoreUnavailable(f"a history was not read within {ANSWER_SECONDS:g} s")

    async def _ask_one(self, question: Question) -> Answer:
        job, ask = question.run.job, question.ask
        match ask:
            case Recall(after):
                return await self.store.recall(job.id, job.run_number, after)
            case Collect(_, ids):
                wanted = [UUID(bytes=each) for each in ids]
                return await self.store.collect(job.id, job.run_number, wanted)
            case Record() | Spawn():
                raise TypeError("a record is not read")
        assert_never(ask)

    # --- answering --------------------------------------------------------------------------------

    def _answer(self, answers: Sequence[tuple[Question, Answer]]) -> None:
        by_asker: dict[int, list[tuple[Question, Answer]]] = {}
        for question, answer in answers:
            by_asker.setdefault(id(question.asker), []).append((question, answer))
            self._taken -= 1
            self._bytes -= question.size
        for its in by_asker.values():
            its[0][0].asker.answered(its)
        self._roomy.set()
        self._roomy = trio.Event()


def _begins(question: Question) -> bool:
    """Whether it asks for the first page of a history."""
    return isinstance(question.ask, Recall) and question.ask.after is None


def _refusal(error: DatabaseError) -> Refused:
    """What the database said to what it was to write.

    Raises: StoreUnavailable, if that was not about its content: a full disk, a deadlock.
    """
    if error.sqlstate and not error.sqlstate.startswith(_OF_CONTENT):
        raise StoreUnavailable(str(error)) from error
    return Refused("invalid", f"the database refused it: {error}")
