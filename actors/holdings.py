"""What this node holds: every claimed run whose outcome is not written yet.

Rules: a run enters when the claim returns it and leaves when its outcome is written or known to be
stale. So after a claim whose answer was lost, what the database says that we hold, minus this, is
what nobody is going to run: it is given back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from uuid import UUID

from runtime.job import ClaimedJob

# Jobs that are asked after before they are here: they may be in the answer of a claim under way.
MOST_EXPECTED = 1024


class Holdings:
    """The claimed runs of one node, by job id, and how many there are in each queue.

    Attributes: on_expected, called when a job was claimed that had been expected; on_left, with the
    queues of runs that have left.
    """

    def __init__(self) -> None:
        self.on_expected: Callable[[], None] = _nobody_asks
        self.on_left: Callable[[Collection[str]], None] = _nobody_minds
        self._expected: OrderedDict[UUID, None] = OrderedDict()
        self._runs: dict[UUID, tuple[int, str]] = {}
        self._by_queue: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, run: tuple[UUID, int]) -> bool:
        held = self._runs.get(run[0])
        return held is not None and held[0] == run[1]

    def holds(self, job_id: UUID) -> bool:
        """Whether a run of this job is here."""
        return job_id in self._runs

    def expect(self, job_id: UUID) -> None:
        """Somebody asks after this job, which is not here; it may be any time."""
        self._expected[job_id] = None
        if len(self._expected) > MOST_EXPECTED:
            self._expected.popitem(last=False)

    def take(self, jobs: Sequence[ClaimedJob]) -> None:
        """These jobs were claimed."""
        if self._expected and any(job.id in self._expected for job in jobs):
            for job in jobs:
                self._expected.pop(job.id, None)
            self.on_expected()
        for job in jobs:
            overtaken = self._runs.get(job.id)  # its outcome is written; the answer is under way
            if overtaken is not None:
                self._by_queue[overtaken[1]] -= 1
            self._runs[job.id] = (job.run_number, job.queue)
            self._by_queue[job.queue] += 1

    def drop(self, runs: Iterable[tuple[UUID, int]]) -> None:
        """The outcomes of these runs, (job id, run number), are written or stale."""
        left: set[str] = set()
        for job_id, run_number in runs:
            held = self._runs.get(job_id)
            if held is not None and held[0] == run_number:
                del self._runs[job_id]
                self._by_queue[held[1]] -= 1
                left.add(held[1])
        self.on_left(left)

    def in_queue(self, queue: str) -> int:
        """How many held runs are of this queue."""
        return self._by_queue[queue]

    def missing(self, runs: Iterable[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
        """Those of `runs`, which the database says we hold, that we know nothing of."""
        return [run for run in runs if run not in self]


def _nobody_asks() -> None:
    """The default of `on_expected`."""


def _nobody_minds(_queues: Collection[str]) -> None:
    """The default of `on_left`."""
