"""Whether workflows kept their promises, whatever was killed. Pure; tested with wrong histories.

lost_workflow  one that was started has not completed
report         its output is not that of an undisturbed run
uncommitted    what was done has no record, or the record is of nothing that was done
again          a step was done again after it was recorded
ledger         the entry that is made in one transaction with its step is not there exactly once

A step may be done more than once as long as it is not recorded: its process may die between. So the
record must be of the last time that it was done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

Place = tuple[str, str]
"""A job's id, and which of its steps."""


@attrs.frozen
class Effect:
    """Something was done, by a token that no other has."""

    job: str
    step: str
    token: str

    @property
    def place(self) -> Place:
        return self.job, self.step


@attrs.frozen
class Flow:
    """A workflow at its end. `expected`: the output of an undisturbed run; `enters`: whether one of
    its steps makes an entry in the ledger."""

    job: str
    state: str
    output: Any
    expected: Any
    enters: bool = False


@attrs.frozen
class Effects:
    """All of a campaign.

    Attributes: done, in the order of time; recorded, by the token in what is recorded of a step;
    ledger, the entries: the workflow's job and the token of its step, whose name is `entering`.
    """

    flows: Sequence[Flow]
    done: Sequence[Effect]
    recorded: Mapping[Place, str]
    ledger: Sequence[tuple[str, str]] = ()
    entering: str = "enter"


def wrong(effects: Effects) -> Iterator[tuple[str, str]]:
    """Kind and text of each violation."""
    for flow in effects.flows:
        yield from _of_flow(flow)
    done: dict[Place, list[str]] = defaultdict(list)
    for effect in effects.done:
        done[effect.place].append(effect.token)
    for place in sorted(done.keys() | effects.recorded.keys()):
        yield from _of_step(place, done[place], effects.recorded.get(place))
    yield from _of_ledger(effects)


def _of_flow(flow: Flow) -> Iterator[tuple[str, str]]:
    if flow.state != "completed":
        yield "lost_workflow", f"workflow {flow.job} is {flow.state}"
    elif flow.output != flow.expected:
        yield "report", f"workflow {flow.job} came to {flow.output}, not to {flow.expected}"


def _of_step(place: Place, done: Sequence[str], kept: str | None) -> Iterator[tuple[str, str]]:
    job, step = place
    if kept is None:
        yield "uncommitted", f"{step} of {job} was done, and is not recorded"
    elif kept not in done:
        yield "uncommitted", f"{step} of {job} is recorded, and was not done so"
    elif done[-1] != kept:
        times = len(done) - 1 - done.index(kept)
        yield "again", f"{step} of {job} was done {times} times again after it was recorded"


def _of_ledger(effects: Effects) -> Iterator[tuple[str, str]]:
    entries = Counter(job for job, _ in effects.ledger)
    entering = {flow.job for flow in effects.flows if flow.enters}
    for job in sorted(entering):
        if entries[job] != 1:
            yield "ledger", f"workflow {job} has {entries[job]} entries in the ledger"
    for job, token in effects.ledger:
        if job not in entering:
            yield "ledger", f"there is an entry of {job}, which is to make none"
        elif effects.recorded.get((job, effects.entering)) != token:
            yield "ledger", f"the entry of {job} is of another time than its step's record"


def read_effects(lines: Iterable[str]) -> list[Effect]:
    """From a trace: a line has token, job and step."""
    found = []
    for line in lines:
        token, job, step = line.split()
        found.append(Effect(job, step, token))
    return found
