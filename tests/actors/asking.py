"""Runs that ask the Recorder, for tests: the jobs, what they record, and who hears the answers."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from actors.recorder import Question, Recorder, weigh
from actors.runs import HeldRun
from actors.store.protocol import Demand
from runtime.job import ClaimedJob, KindInfo
from runtime.workflow.records import Answer, Ask, Record, StepRecord
from tests.actors.conftest import Bench, new_job

INFO = KindInfo("kind")


async def claimed(bench: Bench, count: int = 1) -> list[ClaimedJob]:
    """So many jobs, claimed by a node that has joined."""
    node_id = bench.lease.node_id if bench.lease.held else await bench.join()
    await bench.store.enqueue([new_job() for _ in range(count)])
    jobs = await bench.store.claim(node_id, [Demand("default", ("kind",), count)])
    bench.holdings.take(jobs)
    return jobs


async def runs(bench: Bench, count: int = 1) -> list[HeldRun]:
    """The same, as runs of a child."""
    jobs = await claimed(bench, count)
    return [HeldRun(seq, job, INFO, None) for seq, job in enumerate(jobs, 1)]


def step(place: int | str = 1, output: str = "null", **more: object) -> Record:
    """A step's record."""
    return Record((StepRecord(str(place), "step", "name", output=output, **more),))  # type: ignore[arg-type]


@attrs.define(eq=False)
class Hearer:
    """Asks, and keeps the answers in order. `leave`: it waits for none any more."""

    recorder: Recorder
    answers: list[tuple[int, Answer]] = attrs.field(factory=list)
    gone: bool = False

    def ask(self, run: HeldRun, ask: Ask, number: int = 1) -> None:
        self.recorder.take(weigh(self, run, number, ask))

    def waits(self, question: Question) -> bool:
        return not self.gone

    def answered(self, answers: Sequence[tuple[Question, Answer]]) -> None:
        self.answers += [(question.number, answer) for question, answer in answers]

    @property
    def words(self) -> list[str]:
        """The kinds of the answers."""
        return [type(answer).__name__ for _, answer in self.answers]


async def places(bench: Bench, job: ClaimedJob) -> list[str]:
    """The places that are recorded of a job, as its own run reads them."""
    history = await bench.store.recall(job.id, job.run_number)
    return [each.place for each in history.steps]  # type: ignore[union-attr]
