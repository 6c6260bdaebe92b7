"""What the actors of a node report: one frozen event a fact, to whoever observes.

    actor ── event ──▶ Observer ── fan_out ──▶ metrics, log, health, the user's own

Rules: an event tells what happened, in the words of the design, and asks for nothing. An observer
is called in the midst of an actor's work, under trio, in the node's one thread: it is quick, does
not await and does not raise. Durations are in seconds, sizes in bytes. Supervision has events of
its own (`actors.kit.events`): those are about actors, these are about jobs, children and the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import attrs
import msgspec

from actors.upkeep_events import Expired as Expired
from actors.upkeep_events import Fired as Fired
from actors.upkeep_events import FiringsMissed as FiringsMissed
from actors.upkeep_events import JobsCounted as JobsCounted
from actors.upkeep_events import Pruned as Pruned
from actors.upkeep_events import QueuePaused as QueuePaused
from actors.upkeep_events import QueueResumed as QueueResumed
from actors.upkeep_events import QueuesMeasured as QueuesMeasured
from actors.upkeep_events import Reindexed as Reindexed
from actors.upkeep_events import Rescued as Rescued
from actors.upkeep_events import ScheduleBroken as ScheduleBroken
from actors.upkeep_events import SchedulesDeclared as SchedulesDeclared
from actors.upkeep_events import Staged as Staged
from actors.workflow_events import Recorded as Recorded
from actors.workflow_events import WakeRefused as WakeRefused
from actors.workflow_events import Woken as Woken
from runtime.lifecycle import Ack

# --- jobs -----------------------------------------------------------------------------------------


@attrs.frozen
class Enqueued:
    """Jobs were written since the leader last looked, by whomever."""

    jobs: int


@attrs.frozen
class PayloadWarned:
    """A payload is over the warning size, yet within the limit."""

    field: str  # "args", "output" or "metadata"
    size: int
    limit: int
    kind: str = ""
    job_id: UUID | None = None


@attrs.frozen
class PayloadRefused:
    """A payload was refused at the Store's boundary; nothing of that call was written."""

    field: str
    reason: str
    kind: str = ""
    job_id: UUID | None = None


@attrs.frozen
class DemandChanged:
    """The node's free places, all queues together, are now this many."""

    places: int


@attrs.frozen
class Claimed:
    """One claim statement was carried out, also when it found nothing."""

    jobs: Mapping[str, int]  # how many were claimed, by queue; empty: none were available
    groups: int  # of (queue, kinds) that the statement asked for
    places: int  # that it asked for
    seconds: float


@attrs.frozen
class Released:
    """Claimed but unstarted jobs were given back, uncounted."""

    jobs: int
    reason: str  # such as "drain" or "child died"


@attrs.frozen
class RunInterrupted:
    """A handler is being told to stop, by an exception inside it: the first step of the ladder."""

    job_id: UUID
    kind: str
    reason: str  # "timeout", "cancel" or "stop"


class RunEnded(msgspec.Struct, frozen=True, gc=False):
    """How a run ended is known; it has yet to be written. Part of a RunsEnded."""

    kind: str
    queue: str
    outcome: str  # completed, failed, snoozed, suspended, discarded, cancelled or given_back
    run_seconds: float  # from begin to end of the handler; 0 if it never began
    wait_seconds: float  # from scheduled_at to the claim, by the database's clock
    job_id: UUID | None = None
    error: str = ""  # "ValueError: message" of a failure
    waits: str = ""  # of a suspended workflow: for what


@attrs.frozen
class RunsEnded:
    """Runs of one child ended: all that were heard of at once, since there may be thousands."""

    runs: Sequence[RunEnded]


@attrs.frozen
class Acked:
    """One ack statement was carried out."""

    batch: int  # outcomes that it was given
    written: int
    seconds: float
    stale: tuple[tuple[UUID, int], ...] = ()  # (id, run number) of those that came too late
    retried: int = 0  # of the written: those that run again after a failure
    discarded: int = 0
    cancelled: int = 0
    acks: Sequence[Ack] = ()  # the outcomes, as they were to be written


@attrs.frozen
class RunInDoubt:
    """A handler completed its job in a transaction of its own, and has left it open."""

    job_id: UUID
    kind: str
    seconds: float


@attrs.frozen
class NotesLost:
    """Runs told of themselves, and it was not written. Their jobs are none the worse for it."""

    notes: int
    reason: str


# --- children -------------------------------------------------------------------------------------


@attrs.frozen
class ForkServerStarted:
    """The fork server has imported the app and knows its kinds."""

    pid: int
    kinds: int
    seconds: float


@attrs.frozen
class ForkServerDied:
    """The fork server ended by itself; its children died with it. It is started again."""

    pid: int
    cause: str


@attrs.frozen
class ChildStarted:
    """A child is ready for its first run."""

    worker: int  # its Worker's number
    pid: int
    seconds: float  # from the request to Hello


@attrs.frozen
class ChildDied:
    """A child ended although nobody had asked it to, or was killed (see ChildKilled)."""

    worker: int
    pid: int
    cause: str  # "exit", "signal" (not ours), "killed" (ours), "oom", "lease" or "server"
    exit_status: int | None = None
    signal: str | None = None  # such as "SIGSEGV"
    job_id: UUID | None = None  # the job it was running, if any


@attrs.frozen
class ChildKilled:
    """The last step of the ladder: the child gets SIGKILL."""

    worker: int
    pid: int
    reason: str  # "timeout", "cancel" or "stop"; the child's own: "stuck", "closed" or "garbage"
    job_id: UUID | None = None


@attrs.frozen
class ChildRecycled:
    """A child was replaced in good health: it had run enough jobs, or grown too large."""

    worker: int
    pid: int
    reason: str  # "runs", "memory" or "nice"


# --- listening ------------------------------------------------------------------------------------


@attrs.frozen
class Wakeup:
    """A NOTIFY told of work in a queue; "" stands for all queues."""

    queue: str


@attrs.frozen
class ListenerLost:
    """The LISTEN connection is gone: until it is back, the poll alone finds work."""


@attrs.frozen
class ListenerBack:
    """The node LISTENs (again)."""


# --- loops ----------------------------------------------------------------------------------------


@attrs.frozen
class Beat:
    """This loop of an actor has come round again; it is alive."""

    loop: str


# --- the node, its lease and its term -------------------------------------------------------------


@attrs.frozen
class NodeJoined:
    """The node has a row and a lease."""

    node_id: int
    name: str
    lease_seconds: float


@attrs.frozen
class LeaseRenewed:
    """The heartbeat was written; `seconds` is what that took."""

    seconds: float


@attrs.frozen
class LeaseLost:
    """The lease could not be renewed in time: the node stops its handlers and joins anew."""

    node_id: int
    reason: str


@attrs.frozen
class DrainBegan:
    """Claiming has stopped; runs may end within `seconds`."""

    seconds: float
    running: int


@attrs.frozen
class DrainEnded:
    """No run is left on this node."""

    seconds: float  # since the drain began
    given_back: int  # jobs that did not end in time


@attrs.frozen
class StoreLost:
    """An actor could not reach the database; it tries again with backoff."""

    actor: str
    reason: str


@attrs.frozen
class StoreBack:
    """That actor has reached the database again, after `seconds`."""

    actor: str
    seconds: float


@attrs.frozen
class TermBegan:
    """This node is the leader."""

    number: int


@attrs.frozen
class TermEnded:
    """This node is the leader no longer."""

    number: int
    reason: str  # "resigned" or "lost"


Event = (
    Beat
    | Enqueued
    | PayloadWarned
    | PayloadRefused
    | DemandChanged
    | Claimed
    | Released
    | RunInterrupted
    | RunsEnded
    | Acked
    | RunInDoubt
    | NotesLost
    | Recorded
    | Woken
    | WakeRefused
    | ForkServerStarted
    | ForkServerDied
    | ChildStarted
    | ChildDied
    | ChildKilled
    | ChildRecycled
    | Wakeup
    | ListenerLost
    | ListenerBack
    | NodeJoined
    | LeaseRenewed
    | LeaseLost
    | DrainBegan
    | DrainEnded
    | StoreLost
    | StoreBack
    | TermBegan
    | TermEnded
    | Rescued
    | Staged
    | Pruned
    | Expired
    | QueuePaused
    | QueueResumed
    | Fired
    | FiringsMissed
    | ScheduleBroken
    | SchedulesDeclared
    | Reindexed
    | QueuesMeasured
    | JobsCounted
)

Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer of those who do not care."""


def fan_out(*observers: Observer) -> Observer:
    """One observer that hands each event to all of these, in order."""
    if len(observers) == 1:
        return observers[0]

    def observe(event: Event) -> None:
        for observer in observers:
            observer(event)

    return observe
