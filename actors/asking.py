"""What the runs of one child ask of the Recorder, and what is answered them.

    Tenure ── Asked ──▶ Asks ── question ──▶ Recorder
    child ◀── Speech ◀── Asks ◀── answers ──────┘
                          └─▶ Acker: ends of runs that have waited for their records

Rules: an answer for a run that is gone is dropped. A run's outcome is not written before what it
has recorded: a run that ends sooner is parked, and handed over when the last answer comes.
A child that asks more than it hears, or more than the Recorder has room for, is not heard itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from actors import events
from actors.acker import Acker, Settled
from actors.parking import RunAsks
from actors.recorder import Question, Recorder, weigh
from actors.run_events import tell
from actors.runs import HeldRun, Runs
from actors.speech import Speech
from runtime import wire
from runtime.workflow.records import Answer


@attrs.define(eq=False)
class Asks:
    """See the module's docstring. Of one Tenure, which it may outlive."""

    recorder: Recorder | None  # None: no workflow runs here
    runs: Runs
    speech: Speech
    acker: Acker
    observe: events.Observer = events.ignore

    async def wait_room(self) -> None:
        """Wait while the child is not to ask more."""
        if self.recorder is not None:
            await self.recorder.wait_room()
            await self.speech.wait_room()

    def hear(self, frame: wire.Asked) -> None:
        """A run asks."""
        run = self.runs.held(frame.seq)
        if run is None or self.recorder is None:
            return
        if run.asks is None:
            run.asks = RunAsks()
        asked = weigh(self, run, frame.number, frame.ask)
        run.asks.unwritten += asked.writes
        self.recorder.take(asked)

    def waits(self, question: Question) -> bool:
        """See Asker."""
        return self._held(question.run)

    @property
    def idle(self) -> bool:
        """Whether nothing in the child waits for the core that writing an outcome takes."""
        return self.speech.is_async or not self.runs

    def _held(self, run: HeldRun) -> bool:
        return self.runs.held(run.seq) is run

    def answered(self, answers: Sequence[tuple[Question, Answer]]) -> None:
        """See Asker."""
        words: list[bytes] = []
        ends: list[tuple[Settled, float]] = []
        for question, answer in answers:
            run, number = question.run, question.number
            if self._held(run):
                words.append(wire.encode(wire.Answered(run.seq, number, answer)))
            if question.writes and run.asks is not None:
                end = run.asks.written(answer)
                if end is not None:
                    ends.append(end)
        if words:
            self.speech.say(b"".join(words))
        if ends:
            self.acker.settle([settled for settled, _ in ends], hurry=self.idle)
            tell(self.observe, ends)
