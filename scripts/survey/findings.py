"""What came of it: from the jobs' rows to the figures that are shown, and what is wrong with them.

Pure. Times are the database's: from the enqueue of the first job to the end of the last survey.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import attrs

from runtime.job import Job
from runtime.lifecycle import JobState
from scripts.survey.app import CRASH_ATTEMPTS
from scripts.survey.measure import Complexity, Survey
from scripts.survey.serial import TOTALS, Serial


@attrs.frozen
class Findings:
    """`jobs`: the surveys. `stuck` and `crashed`: the bad ones, with their failures."""

    jobs: Sequence[Job]
    stuck: Job
    crashed: Job
    serial: Serial
    cores: int

    @property
    def surveys(self) -> list[Survey]:
        """The outputs of those that completed."""
        return [cast("Survey", job.output) for job in self.jobs if job.output is not None]

    @property
    def states(self) -> Counter[JobState]:
        """How many jobs, the bad ones too, are in each state."""
        return Counter(job.state for job in (*self.jobs, self.stuck, self.crashed))

    @property
    def wall_seconds(self) -> float:
        """From the enqueue to the end of the last survey."""
        return (self._end - min(job.created_at for job in self.jobs)).total_seconds()

    @property
    def _end(self) -> datetime:
        return max(job.finalized_at for job in self.jobs if job.finalized_at is not None)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the surveys' handlers, as the children measured it."""
        return sum(each["cpu_seconds"] for each in self.surveys)

    @property
    def busy_cores(self) -> float:
        """How many cores were at work on surveys, on average."""
        return self.cpu_seconds / self.wall_seconds

    @property
    def held_cores(self) -> float:
        """How many cores the job that never returns kept from them, on average."""
        begun, ended = self.stuck.attempted_at, self.stuck.finalized_at
        if begun is None or ended is None:
            return 0.0
        return (min(ended, self._end) - begun).total_seconds() / self.wall_seconds

    @property
    def speed_up(self) -> float:
        """One core without Headrace, as a multiple of the wall time."""
        return self.serial["seconds"] / self.wall_seconds

    def most_complex(self, number: int) -> list[tuple[Survey, Complexity]]:
        """The modules with the most complex functions, and these."""
        pairs = [(each, each["worst"]) for each in self.surveys]
        known = [(survey, worst) for survey, worst in pairs if worst is not None]
        return sorted(known, key=lambda pair: -pair[1]["complexity"])[:number]

    def complaints(self) -> list[str]:
        """What did not end as it should have; empty if all is well."""
        return [*self._of_surveys(), *_of_stuck(self.stuck), *_of_crashed(self.crashed)]

    def _of_surveys(self) -> list[str]:
        wrong = [
            f"the survey of {job.args['module']} is {job.state.value}, in attempt {job.attempt}"
            for job in self.jobs
            if (job.state, job.attempt) != (JobState.COMPLETED, 1)
        ]
        came_to = {name: sum(each[name] for each in self.surveys) for name in TOTALS}
        if not wrong and came_to != {name: self.serial[name] for name in TOTALS}:
            wrong.append(f"the jobs came to {came_to}, one core alone to {self.serial}")
        return wrong


def _of_stuck(job: Job) -> list[str]:
    found = [(each.error_class, each.signal) for each in job.failures]
    if job.state is JobState.DISCARDED and found == [("JobTimeout", "SIGKILL")]:
        return []
    return [f"the job that never returns is {job.state.value}, with {found}"]


def _of_crashed(job: Job) -> list[str]:
    found = [(each.error_class, each.signal) for each in job.failures]
    if job.state is JobState.DISCARDED and found == [("ChildDied", "SIGSEGV")] * CRASH_ATTEMPTS:
        return []
    return [f"the job that segfaults is {job.state.value}, with {found}"]
