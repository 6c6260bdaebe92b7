"""From the ends of held runs to what the Acker is given: outcome, policy, and what the run used."""

from __future__ import annotations

import attrs
import msgspec

from actors import events
from actors.acker import Acker, Settled
from actors.flows import Flows
from actors.post_mortem import Death, outcome_of
from actors.run_events import into_doubt, tell
from actors.runs import HeldRun
from runtime import wire
from runtime.outcome import Completed, Discarded, Failure, GivenBack, Outcome, Suspended

# Of a job that its node did not begin: it had come to its deadline.
EXPIRED = Discarded(Failure("Expired", "its deadline (expires_at) came before it was begun"))


def settled_done(run: HeldRun, done: wire.Done, pid: int, max_crashes: int) -> Settled:
    """A run that its child, whose process is `pid`, has told the end of."""
    outcome = done.outcome
    if not isinstance(outcome, Completed):
        outcome = _with_pid(outcome, pid)
    return Settled(
        run.job,
        outcome,
        run.info.backoff,
        run.info.max_crashes or max_crashes,
        done.seconds,
        done.cpu_seconds,
        done.peak_rss_kib,
        run.asks is not None,
    )


def settled_dead(
    run: HeldRun, death: Death, now: float, max_crashes: int, *, halted: bool, alone: bool
) -> Settled:
    """A run that was in a child which died; see `post_mortem.outcome_of`."""
    return Settled(
        run.job,
        outcome_of(run, death, halted, alone=alone),
        run.info.backoff,
        run.info.max_crashes or max_crashes,
        now - (run.begun_at or now),
        death.cpu_seconds if alone else None,
        death.max_rss_kib or None,
        run.asks is not None,
    )


def _with_pid(outcome: Outcome, pid: int) -> Outcome:
    """With the process named in its failure."""
    failure = None if isinstance(outcome, Completed | GivenBack | Suspended) else outcome.failure
    if failure is None or failure.pid is not None:
        return outcome
    return msgspec.structs.replace(outcome, failure=msgspec.structs.replace(failure, pid=pid))


@attrs.define
class Ends:
    """Ends of one child's runs that were heard of at once: handed over, and told of, together."""

    acker: Acker
    observe: events.Observer
    flows: Flows | None = None
    _certain: list[tuple[Settled, float]] = attrs.field(factory=list, init=False)

    def add(self, run: HeldRun, settled: Settled, seconds: float) -> None:
        """A run that took so many seconds."""
        if run.info.workflow and self.flows is not None:
            self.flows.ended(run, settled)
        if run.completing:  # only the database knows how it ended: see Doubts
            into_doubt(self.acker, settled, seconds)
        elif run.asks is None or not run.asks.park(settled, seconds):
            self._certain.append((settled, seconds))

    def hand_over(self, *, hurry: bool) -> None:
        """See Acker.settle."""
        if self._certain:
            self.acker.settle([run for run, _ in self._certain], hurry=hurry)
            tell(self.observe, self._certain)
