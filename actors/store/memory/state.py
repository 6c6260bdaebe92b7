"""All that a MemoryStore holds. The functions beside this file read and change it."""

from __future__ import annotations

from uuid import UUID

import attrs

from actors.store.memory import arrival
from actors.store.memory.board import Board
from actors.store.memory.rows import Clock, JobEntry, NodeEntry, ScheduleEntry
from actors.store.memory.table import JobTable
from runtime.job import NewJob
from runtime.lifecycle import JobState
from runtime.limits import QueueLimits
from runtime.workflow.records import StepRecord

# A job that becomes due within so many seconds is told to the stager; later ones its poll finds.
DUE_HINT_SECONDS = 10.0


@attrs.define
class TermEntry:
    """The one row of the table `leader`."""

    number: int = 0
    node_id: int | None = None
    expires_at: float = float("-inf")


@attrs.frozen(eq=False)
class StepEntry:
    """A row of the table `step`."""

    record: StepRecord
    run_number: int
    until: float | None  # seconds since 1970


@attrs.define(eq=False)
class DependencyEntry:
    """A row of the table `dependency`."""

    needed: tuple[UUID, ...]
    strict: int
    waiting: tuple[UUID, ...]
    released: bool = False


@attrs.define(eq=False)
class State:
    """The tables."""

    clock: Clock = attrs.field(factory=Clock)
    jobs: JobTable = attrs.field(factory=JobTable)
    nodes: dict[int, NodeEntry] = attrs.field(factory=dict)
    paused: dict[str, float | None] = attrs.field(factory=dict)  # rows of `queue`: paused_at
    limits: dict[str, QueueLimits] = attrs.field(factory=dict)
    turns: dict[str, str] = attrs.field(factory=dict)  # by queue: the key that had the last one
    free_at: dict[tuple[str, str | None], float] = attrs.field(factory=dict)  # of rates, by key
    term: TermEntry = attrs.field(factory=TermEntry)
    last_node_id: int = 0
    enqueued: int = 0  # jobs ever written
    waiters: set[UUID] = attrs.field(factory=set)
    schedules: dict[str, ScheduleEntry] = attrs.field(factory=dict)
    board: Board = attrs.field(factory=Board)
    steps: dict[UUID, dict[str, StepEntry]] = attrs.field(factory=dict)  # by job and place
    # By job and the signal's id: name and value of what no step has taken.
    signals: dict[UUID, dict[UUID, tuple[str, str]]] = attrs.field(factory=dict)
    signals_sent: set[UUID] = attrs.field(factory=set)
    published: dict[tuple[UUID, str], str] = attrs.field(factory=dict)  # by job and key
    happenings: dict[str, str] = attrs.field(factory=dict)  # events, by name
    happened_at: dict[str, float] = attrs.field(factory=dict)  # the same ones
    # Of graphs, by parent and place.
    dependencies: dict[tuple[UUID, str], list[DependencyEntry]] = attrs.field(factory=dict)

    def begin_run(self, job: JobEntry, node_id: int) -> None:
        """A claim takes this job."""
        now = self.clock.now()
        self.jobs.move(job, JobState.RUNNING, now, node_id=node_id)
        job.run_number += 1
        job.attempt += 1
        job.attempted_at = now

    def lives(self, node_id: int) -> bool:
        """Whether this node's lease holds."""
        node = self.nodes.get(node_id)
        return node is not None and node.ended_at is None and node.expires_at > self.clock.now()

    def leads(self, term: int | None) -> bool:
        """Whether this term lasts; None: of somebody who needs none."""
        lasts = self.term.number == term and self.term.expires_at > self.clock.now()
        return term is None or lasts

    def node_name(self, node_id: int | None) -> str | None:
        """The name of a node, if it is known."""
        node = None if node_id is None else self.nodes.get(node_id)
        return None if node is None else node.info.name

    def held_by(self, node_id: int) -> list[JobEntry]:
        """The running jobs of a node, by id."""
        running = self.jobs.in_state(JobState.RUNNING)
        return sorted((job for job in running if job.node_id == node_id), key=lambda job: job.id)

    def enqueue(self, jobs: list[NewJob]) -> list[bool]:
        """Insert checked jobs. Raises: JobNotUnique."""
        return arrival.enqueue(self, jobs)

    def remove(self, job: JobEntry) -> None:
        """Delete a job's row, and what hangs on it."""
        self.jobs.remove(job)
        self.steps.pop(job.id, None)
        self.signals.pop(job.id, None)
        for known in [known for known in self.published if known[0] == job.id]:
            del self.published[known]
        for graph in [graph for graph in self.dependencies if graph[0] == job.id]:
            del self.dependencies[graph]

    def children(self, parent: UUID, place: str | None = None) -> list[JobEntry]:
        """Of a job; those at this place of it."""
        return [
            child
            for child in self.jobs.in_state(*JobState)
            if child.parent is not None
            and child.parent[0] == parent
            and (place is None or child.parent[1] == place)
        ]

    def needs(self, job: JobEntry) -> bool:
        """Whether a job's parent may still ask how it has ended."""
        if job.parent is None or job.parent[0] not in self.jobs:
            return False
        return not self.jobs.get(job.parent[0]).state.final

    def announce(self, job: JobEntry) -> None:
        """Notify what a job's new state means to others."""
        if job.state is JobState.AVAILABLE:
            self.board.notify("wakeup", job.new.queue)
        elif job.state in (JobState.SCHEDULED, JobState.RETRYABLE):
            if job.scheduled_at <= self.clock.now() + DUE_HINT_SECONDS:
                self.board.notify("due")
        elif job.state.final and job.id in self.waiters:
            self.board.notify("finished", str(job.id))
