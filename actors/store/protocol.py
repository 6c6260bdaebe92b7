"""The Store: what the actors may ask of the database, in the order of a job's life.

Rules: one method a statement, with the statement's name. Atomic: a call does all of what it says or
nothing. Idempotent where it can be repeated after `StoreUnavailable`: then whether the statement
took effect is unknown, and the caller asks again. Time is the database's. Payloads are checked at
this boundary (`actors.store.guard`), whoever calls.

Raises, all methods: StoreUnavailable, when the database did not answer; SchemaError, when the
tables are not ours. Cancelled is safe anywhere: the connection is cleaned before it is used again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

import attrs
import trio

from actors.store.shown import NodeRow as NodeRow
from actors.store.shown import QueueInfo as QueueInfo
from actors.store.standby import Standby
from actors.store.upkeep import DueSchedules, Fired, QueueRetention, Rebuilt, Swept
from actors.store.upkeep import Retention as Retention
from actors.store.workflows import RunRecords as RunRecords
from actors.store.workflows import WorkflowStore
from runtime.job import ClaimedJob, Job, NewJob
from runtime.job_filter import JobFilter
from runtime.lifecycle import Ack, JobState
from runtime.note import Note
from runtime.schedule import Plan, ScheduleInfo


@attrs.frozen
class NodeInfo:
    """Who a node is; one row of the table `node`."""

    name: str  # for people: host:pid
    host: str
    boot_id: str  # with pid and pid_started: tells a dead predecessor on the same host
    pid: int
    pid_started: str
    version: str
    queues: tuple[str, ...]
    workers: int


@attrs.frozen
class NodeProcess:
    """The process of a node that has not ended."""

    node_id: int
    pid: int
    pid_started: str


@attrs.frozen
class Demand:
    """Free places for jobs of one queue and a set of kinds."""

    queue: str
    kinds: tuple[str, ...]
    places: int
    after: UUID | None = None  # look behind this job, claimed before; None: from the head


@attrs.frozen
class LimitedClaim:
    """What was taken from limited queues, and when it is worth asking them again."""

    jobs: list[ClaimedJob]
    # By queue; seconds from now; 0: when a run in it ends; None: when there is a wakeup.
    again_seconds: Mapping[str, float | None]


@attrs.frozen
class Served:
    """What a node should know of its queues."""

    limited: frozenset[str]  # of all queues: those that have limits over all nodes
    # Queues that were added to this node while it served, as its options would have them, and
    # removed ones (None).
    assigned: Mapping[str, str | None]
    waiting: tuple[str, ...]  # queues with available jobs, if that was asked


@attrs.frozen
class Acked:
    """What became of a batch of acks."""

    written: int
    stale: tuple[tuple[UUID, int], ...]  # (id, run number) of outcomes that came too late
    retried: int = 0  # of the written: now available, scheduled or retryable after a failure
    discarded: int = 0
    cancelled: int = 0
    next_due_seconds: float | None = None  # the soonest delay written: a hint for the stager
    parents: tuple[UUID, ...] = ()  # of the jobs that have ended: look at them (`wake`)


@attrs.frozen
class InDoubt:
    """How runs stand that their handlers complete in transactions of their own: (id, run number).

    What is in neither will not be completed by them: its transaction was rolled back, or the run
    had ended before.
    """

    completed: tuple[tuple[UUID, int], ...] = ()  # the transaction has committed
    held: tuple[tuple[UUID, int], ...] = ()  # one that may yet commit has the row


@attrs.frozen
class RunNote:
    """What a run told of itself since it told last."""

    job_id: UUID
    run_number: int
    note: Note


@attrs.frozen
class Rescued:
    """What rescue gave back."""

    nodes: tuple[str, ...]  # names of the nodes whose lease had run out
    jobs: int
    discarded: int  # of the jobs: those whose attempts were used up
    next_expiry_seconds: float | None  # from now to the next lease's end, if any node lives


@attrs.frozen
class Staged:
    """What stage made available."""

    jobs: int
    next_due_seconds: float | None  # from now to the next due time, if any job waits


@attrs.frozen
class Term:
    """A leader's time-bounded right."""

    number: int
    held: bool  # whether the asking node holds it
    expires_seconds: float  # from now


@attrs.frozen
class Notification:
    """A NOTIFY that reached us: a hint, never the truth."""

    topic: str  # "wakeup", "due", "control", "finished", "wake"; "lost", "back" of the listening
    # wakeup: the queue; control: "cancel:<job id>", "pause:<queue>", "resume:<queue>"; wake: who is
    payload: str  # to be looked at (`Store.wake`): a job's id, or "event:<name>"


class Listening(trio.abc.ReceiveChannel[Notification]):
    """What is notified, in the order of its arrival."""

    @abstractmethod
    def standby(self) -> Standby | None:
        """For one `claim_at`, which begins at the next wakeup that is heard here.

        None where no wakeup can begin a claim.
        """


class Store(WorkflowStore, Protocol):
    """See the module's docstring; `actors.store.workflows` has what workflows ask."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        """Write jobs, all or none. True for those that were new, False for ids known already.

        Of a unique job that another is the same as: False.
        Raises: PayloadTooLarge, PayloadInvalid, JobNotUnique, with the index; nothing was written.
        """

    async def claim(self, node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        """Take available jobs for a node: one statement for all groups, never more than `places`.

        Nothing from a paused queue, and nothing for a node whose lease has run out. A group's
        `after` is a mark only while that job has the place that it was claimed from.
        """

    async def claim_at(
        self, standby: Standby, node_id: int, demand: Sequence[Demand], *, timeout_seconds: float
    ) -> list[ClaimedJob]:
        """As `claim`, but when the next wakeup comes; see `Listening.standby`.

        [] with `standby.woken_by` None, if it was withdrawn before: then nothing was asked.
        Raises: StoreUnavailable, also if it is not answered in time, from the wakeup on.
        """

    async def claim_limited(self, node_id: int, demand: Sequence[Demand]) -> LimitedClaim:
        """As `claim`, from queues that have limits, and from no others; `claim` leaves those alone.

        Exact whatever else happens: claims of a queue come one after the other, and what runs is
        counted, on all nodes. Groups do not look behind a mark.
        """

    async def served(self, node_id: int, *, any_queue: bool) -> Served:
        """What has been set for queues, and for this node's. any_queue: find those with work."""

    async def ack(self, acks: Sequence[Ack]) -> Acked:
        """Write outcomes, each if (id, run number) is still the running run; one statement a batch.

        An output over the limit discards its job, with PayloadTooLarge as its failure.
        """

    async def in_doubt(self, runs: Sequence[tuple[UUID, int]]) -> InDoubt:
        """Whether transactions have committed in which handlers complete their jobs. Never waits.

        For runs whose handlers have ended.
        """

    async def note(self, notes: Sequence[RunNote]) -> int:
        """Keep what runs tell of themselves, one note a run; returns how many were kept.

        Of a job's latest run only, also when that has ended. Not waited for by the disk; repeating
        it changes nothing. What is over its limit is left out, or cut.
        """

    async def release(self, runs: Sequence[tuple[UUID, int]]) -> int:
        """Give claimed but unstarted runs back, uncounted, and wake others. Returns how many."""

    async def holdings(self, node_id: int) -> list[tuple[UUID, int]]:
        """The (id, run number) of every run that this node holds, as the database has it.

        For a node whose claim was cut off: what it does not know of, it gives back.
        """

    async def join(self, node: NodeInfo, lease_seconds: float) -> int:
        """Add a node and begin its lease. Returns its id, which is never reused."""

    async def renew(self, node_id: int, lease_seconds: float) -> bool:
        """Prolong a lease that has not run out. False: it has, and cannot be had again."""

    async def neighbours(self, node_id: int) -> list[NodeProcess]:
        """Nodes of the same boot that have not ended: their processes can be seen by this one."""

    async def want_wakeups(self, node_id: int, wanted: bool) -> None:
        """Say whether this node wants a wakeup for each job in its queues; at first it does not.

        A producer that looked before sends none, and its job may appear any time later. Without
        effect on wakeups for jobs that are available again.
        """

    async def leave(self, node_id: int) -> None:
        """End a node's lease now. Jobs that it still holds are rescued at once by whoever looks."""

    # The next four are a leader's: with its `term`, they do nothing once that is over.

    async def rescue(self, limit: int, term: int | None = None) -> Rescued:
        """Give back up to `limit` jobs of nodes whose lease ran out. Counted as an attempt."""

    async def stage(self, limit: int, term: int | None = None) -> Staged:
        """Make due scheduled and retryable jobs available, at most `limit`, and wake nodes."""

    async def expire(self, limit: int, term: int | None = None) -> int:
        """Discard up to `limit` jobs that wait and whose deadline has passed. Returns how many."""

    async def prune(self, retention: Retention, limit: int, term: int | None = None) -> int:
        """Delete up to `limit` old final jobs, and nodes long gone. Returns how many jobs.

        Not those of queues that keep them for a time of their own.
        """

    async def queue_retentions(self) -> list[QueueRetention]:
        """The queues that keep jobs for a time of their own, and not for ever."""

    async def prune_queue(
        self, kept: QueueRetention, after: datetime | None, limit: int, term: int | None = None
    ) -> Swept:
        """Delete jobs that such a queue has kept for long enough, behind `after`.

        `limit` final jobs are looked at, of all queues, and as many as ended with the last of them.
        A leader's: with its `term`, it does nothing once that is over.
        """

    async def reindex(self, but: Sequence[str], term: int | None = None) -> Rebuilt | None:
        """At a quiet time, build the most bloated index anew that is none of `but`, or drop what an
        interrupted build has left. May take an hour. None: nothing was to be done, or not now.

        A leader's: with its `term`, it begins nothing once that is over.
        """

    async def declare_kinds(self, node_id: int, kinds: Sequence[str]) -> None:
        """Write down which kinds this node's app has handlers for, for people to see."""

    async def declare_schedules(self, node_id: int, schedules: Sequence[ScheduleInfo]) -> int:
        """Write down what this node's app defines. What it says as before undoes no change that
        somebody made at run time. Returns how many are new or changed."""

    async def due_schedules(self, limit: int) -> DueSchedules:
        """At most `limit` schedules that are due or not planned yet, and when the next one is."""

    async def fire(self, plans: Sequence[Plan], term: int | None = None) -> Fired:
        """Add the jobs of these firings and move their schedules on: each, if it is as it was read.

        A leader's: with its `term`, it does nothing once that is over.
        """

    async def elect(self, node_id: int, term_seconds: float) -> Term:
        """Begin or prolong a term as leader if nobody else holds one."""

    async def resign(self, node_id: int) -> None:
        """End this node's term, if it has one, now."""

    async def cancel(self, job_id: UUID, reason: str | None = None, *, force: bool = False) -> Job:
        """Cancel a job: at once, or by its node while it runs. A final job stays as it is.

        A workflow that cleans up is made available, to be told, and ends when it has; with `force`
        it ends as others do. The first `reason` that is given is kept. Raises: JobNotFound.
        """

    async def pause_job(self, job_id: UUID) -> Job:
        """Hold a job back: at once, or, while it runs, when its run ends, if it is not over then.

        It is pending, and nothing but `resume_job` has it go on. A final job stays as it is.
        Raises: JobNotFound.
        """

    async def resume_job(self, job_id: UUID) -> Job:
        """Undo `pause_job`: it comes back to where it was, and what came meanwhile counts.

        Raises: JobNotFound.
        """

    async def retry(self, job_id: UUID) -> Job:
        """Make a job that is not running available now, with one more attempt if it had used all.

        Raises: JobNotFound; JobNotUnique, if another holds its key now.
        """

    async def delete(self, job_id: UUID) -> bool:
        """Delete a job that is not running. False: it is running. Raises: JobNotFound."""

    async def get(self, job_id: UUID) -> Job:
        """A job with its failures. Raises: JobNotFound."""

    async def jobs(
        self,
        filter: JobFilter,  # noqa: A002 - the word for it
        *,
        limit: int = 50,
        before: UUID | None = None,
    ) -> list[Job]:
        """A page of jobs, newest first, without failures: those before the job `before`.

        The filter's times are times, not ages.
        """

    async def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state, at no cost that grows with their number."""

    async def counts_by_queue(self) -> dict[tuple[str, JobState], int]:
        """The same for each queue and state that has jobs."""

    async def pause(self, queue: str) -> None:
        """Stop all claims from a queue (``*``: from all known ones), and tell the nodes."""

    async def resume(self, queue: str) -> None:
        """Undo pause."""

    async def queues(self) -> list[QueueInfo]:
        """All known queues."""

    async def enqueued(self) -> int:
        """How many jobs were ever written, by whomever. May be a second late, and begin anew."""

    async def nodes(self) -> list[NodeRow]:
        """All known nodes, the living first."""

    async def awaiting_cancel(self, node_id: int) -> dict[UUID, str | None]:
        """Jobs of this node whose cancellation was requested, in order, each with its reason.

        The poll behind the notification.
        """

    async def awaiting_pause(self, node_id: int) -> list[UUID]:
        """Running jobs of this node that are to be held back, in order."""

    async def check(self) -> None:
        """Answer if the database does and its tables are ours. Raises: SchemaError."""

    def listen(self) -> AbstractAsyncContextManager[Listening]:
        """LISTEN on one own connection from entry on, until exit.

        A lost connection (also a silent one: it is pinged) is opened again with backoff; the topics
        "lost" and "back" say so. The channel is bounded; what does not fit is coalesced.
        """
