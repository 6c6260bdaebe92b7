"""The Scheduler: fires schedules the moment they are due, and plans their next firing.

Rules: it sleeps until the next due time, as the database tells it; a schedule that is new or was
changed wakes it by a notification. The database says what time it is, `runtime.schedule.plan` what
follows from that, and one statement does it: the job of a firing and the schedule's next time are
written together, if the schedule is still as it was read and the term lasts. So a firing whose
answer was lost is not made twice, by us or by the next leader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import trio

from actors import events
from actors.kit.life import Life
from actors.maintenance.term import HeldTerm, number_of
from actors.rounds import Rounds
from actors.store.protocol import Store
from actors.store.upkeep import DueSchedules, Fired
from runtime.errors import NamespaceDisabled
from runtime.schedule import Plan, plan

# Schedules in one look, planned before the first of them fires: 5 ms. And jobs in one statement.
BATCH = 100
BATCH_JOBS = 2_000
# The longest sleep: what a notification did not tell is found by then.
LOOK_SECONDS = 5.0
# Sleep a little past the due time: at the due time itself the database's now() may be just before.
PAST_DUE_SECONDS = 0.001
# After a look that found something: there may be more, or it has come late.
AGAIN_SECONDS = 0.001
# After one that could not move on anything of what it found: somebody holds those rows.
HELD_SECONDS = 0.2


@attrs.define
class Scheduler:
    """See the module's docstring. `term`: of the leader that it works for; None: of nobody."""

    store: Store
    observe: events.Observer = events.ignore
    term: HeldTerm | None = None
    _rounds: Rounds[DueSchedules] | None = attrs.field(default=None, init=False)
    _moved: int = attrs.field(default=0, init=False)  # schedules, by the last look

    def due_soon(self) -> None:
        """A schedule is new or was changed: look again."""
        if self._rounds is not None:
            self._rounds.wake()

    async def run(self, life: Life) -> None:
        """Fire until asked to stop."""
        life.started()
        rounds = Rounds(
            life, "scheduler", self._fire_due, seconds=LOOK_SECONDS, observe=self.observe
        )
        self._rounds = rounds
        async for due in rounds:
            if due.schedules:
                rounds.again_within(AGAIN_SECONDS if self._moved else HELD_SECONDS)
            elif due.next_due_seconds is not None:
                rounds.again_within(due.next_due_seconds + PAST_DUE_SECONDS)

    async def _fire_due(self) -> DueSchedules:
        due = await self.store.due_schedules(BATCH)
        plans, self._moved = [], 0
        for schedule in due.schedules:
            plans.append(plan(schedule, due.now))
            await trio.lowlevel.checkpoint()  # a long gap takes some milliseconds to go through
        for some in _batches(plans):
            try:
                self._tell(some, await self.store.fire(some, number_of(self.term)))
            except NamespaceDisabled:  # since we looked; the next look finds nothing due
                break
        return due

    def _tell(self, plans: Sequence[Plan], fired: Fired) -> None:
        self._moved += fired.schedules
        if fired.schedules:
            self.observe(events.Fired(fired.schedules, fired.jobs))
        if fired.schedules == len(plans):
            missed = tuple(each.name for each in plans if each.missed)
            if missed:
                self.observe(events.FiringsMissed(missed))
            for each in plans:
                if each.problem is not None:
                    self.observe(events.ScheduleBroken(each.name, each.problem))


def _batches(plans: Sequence[Plan]) -> Iterator[list[Plan]]:
    """In order, with so many jobs in each that no statement takes long."""
    batch: list[Plan] = []
    jobs = 0
    for each in plans:
        if batch and jobs + len(each.firings) > BATCH_JOBS:
            yield batch
            batch, jobs = [], 0
        batch.append(each)
        jobs += len(each.firings)
    if batch:
        yield batch
