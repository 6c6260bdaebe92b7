"""Headrace: durable jobs in the PostgreSQL you already have, with CPU-heavy handlers on every core.

What a program, and a child, import. Names are imported when they are first asked for, so that a
child, which needs few of them, starts fast and never imports a database library.

- define and enqueue: App, Kind, Unique, cron, every, Backoff (exponential, constant), NewJob,
  PayloadLimits
- inside a handler: current_job; what it takes: injected; batches: Batch, BatchJob
- workflows: Context, AsyncContext, step, Retry, Graph, CANCEL; their errors are WorkflowErrors
- end a run otherwise: Snooze, Discard, Cancel; meet its end: JobTimeout, JobCancelled, RunStopped
- clients with a pool of their own: Client (sync), AsyncClient (asyncio), TrioClient
- talk to workflows on a connection of one's own: send_signal, emit_event; see them: Step
- many jobs that come after one another: Graph, enqueue_graph; see them: GraphNode
- look at jobs: Job, JobFilter, JobState; and every error, all of them HeadraceErrors
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.app import App as App
    from runtime.app import load as load
    from runtime.backoff import Backoff as Backoff
    from runtime.backoff import constant as constant
    from runtime.backoff import exponential as exponential
    from runtime.batch import Batch as Batch
    from runtime.batch_job import BatchJob as BatchJob
    from runtime.child.context import JobContext as JobContext
    from runtime.child.context import current_job as current_job
    from runtime.client import AsyncClient as AsyncClient
    from runtime.client import Client as Client
    from runtime.client import TrioClient as TrioClient
    from runtime.client import enqueue_many as enqueue_many
    from runtime.client.following import JobUpdate as JobUpdate
    from runtime.client.graph_handles import enqueue_graph as enqueue_graph
    from runtime.client.messages import emit_event as emit_event
    from runtime.client.messages import send_signal as send_signal
    from runtime.errors import ArgsInvalid as ArgsInvalid
    from runtime.errors import CodecError as CodecError
    from runtime.errors import ConfigError as ConfigError
    from runtime.errors import CpuTimeout as CpuTimeout
    from runtime.errors import Expired as Expired
    from runtime.errors import HeadraceError as HeadraceError
    from runtime.errors import Interrupted as Interrupted
    from runtime.errors import JobCancelled as JobCancelled
    from runtime.errors import JobEnded as JobEnded
    from runtime.errors import JobFailed as JobFailed
    from runtime.errors import JobLost as JobLost
    from runtime.errors import JobNotFound as JobNotFound
    from runtime.errors import JobNotUnique as JobNotUnique
    from runtime.errors import JobTimeout as JobTimeout
    from runtime.errors import NamespaceDisabled as NamespaceDisabled
    from runtime.errors import OutputInvalid as OutputInvalid
    from runtime.errors import PayloadError as PayloadError
    from runtime.errors import PayloadInvalid as PayloadInvalid
    from runtime.errors import PayloadTooLarge as PayloadTooLarge
    from runtime.errors import ResultTimeout as ResultTimeout
    from runtime.errors import RunStopped as RunStopped
    from runtime.errors import ScheduleExists as ScheduleExists
    from runtime.errors import ScheduleNotFound as ScheduleNotFound
    from runtime.errors import SchemaNotMigrated as SchemaNotMigrated
    from runtime.errors import StoreUnavailable as StoreUnavailable
    from runtime.errors import UnknownKind as UnknownKind
    from runtime.errors import UsageError as UsageError
    from runtime.event import Event as Event
    from runtime.graph_node import GraphNode as GraphNode
    from runtime.handler_enqueue import Kind as Kind
    from runtime.injection_mark import injected as injected
    from runtime.job import Job as Job
    from runtime.job import NewJob as NewJob
    from runtime.job_filter import JobFilter as JobFilter
    from runtime.lifecycle import JobState as JobState
    from runtime.limits import Rate as Rate
    from runtime.middleware import Call as Call
    from runtime.outcome import Cancel as Cancel
    from runtime.outcome import Discard as Discard
    from runtime.outcome import Snooze as Snooze
    from runtime.payload import PayloadLimits as PayloadLimits
    from runtime.resources import Resources as Resources
    from runtime.schedule import Schedule as Schedule
    from runtime.timeline import Step as Step
    from runtime.timing import Timing as Timing
    from runtime.timing import cron as cron
    from runtime.timing import every as every
    from runtime.unique import Unique as Unique
    from runtime.workflow.async_context import AsyncContext as AsyncContext
    from runtime.workflow.cancelling import CANCEL as CANCEL
    from runtime.workflow.context import Context as Context
    from runtime.workflow.decorator import step as step
    from runtime.workflow.failures import ChildFailed as ChildFailed
    from runtime.workflow.failures import ChildrenFailed as ChildrenFailed
    from runtime.workflow.failures import EventTimeout as EventTimeout
    from runtime.workflow.failures import GraphFailed as GraphFailed
    from runtime.workflow.failures import InputMissing as InputMissing
    from runtime.workflow.failures import SignalTimeout as SignalTimeout
    from runtime.workflow.failures import StepFailed as StepFailed
    from runtime.workflow.failures import StepTimeout as StepTimeout
    from runtime.workflow.failures import WorkflowChanged as WorkflowChanged
    from runtime.workflow.failures import WorkflowError as WorkflowError
    from runtime.workflow.graph import Graph as Graph
    from runtime.workflow.retry import Retry as Retry

_NAMES = {
    "app": ("App", "load"),
    "backoff": ("Backoff", "constant", "exponential"),
    "batch": ("Batch",),
    "batch_job": ("BatchJob",),
    "child.context": ("JobContext", "current_job"),
    "client": ("AsyncClient", "Client", "TrioClient", "enqueue_many"),
    "client.following": ("JobUpdate",),
    "client.graph_handles": ("enqueue_graph",),
    "client.messages": ("emit_event", "send_signal"),
    "errors": (
        "ArgsInvalid",
        "CodecError",
        "ConfigError",
        "CpuTimeout",
        "Expired",
        "HeadraceError",
        "Interrupted",
        "JobCancelled",
        "JobEnded",
        "JobFailed",
        "JobLost",
        "JobNotFound",
        "JobNotUnique",
        "JobTimeout",
        "NamespaceDisabled",
        "OutputInvalid",
        "PayloadError",
        "PayloadInvalid",
        "PayloadTooLarge",
        "ResultTimeout",
        "RunStopped",
        "ScheduleExists",
        "ScheduleNotFound",
        "SchemaNotMigrated",
        "StoreUnavailable",
        "UnknownKind",
        "UsageError",
    ),
    "event": ("Event",),
    "graph_node": ("GraphNode",),
    "handler_enqueue": ("Kind",),
    "injection_mark": ("injected",),
    "job": ("Job", "NewJob"),
    "job_filter": ("JobFilter",),
    "lifecycle": ("JobState",),
    "limits": ("Rate",),
    "middleware": ("Call",),
    "outcome": ("Cancel", "Discard", "Snooze"),
    "payload": ("PayloadLimits",),
    "schedule": ("Schedule",),
    "timeline": ("Step",),
    "timing": ("Timing", "cron", "every"),
    "resources": ("Resources",),
    "unique": ("Unique",),
    "workflow.async_context": ("AsyncContext",),
    "workflow.cancelling": ("CANCEL",),
    "workflow.context": ("Context",),
    "workflow.decorator": ("step",),
    "workflow.failures": (
        "ChildFailed",
        "ChildrenFailed",
        "EventTimeout",
        "GraphFailed",
        "InputMissing",
        "SignalTimeout",
        "StepFailed",
        "StepTimeout",
        "WorkflowChanged",
        "WorkflowError",
    ),
    "workflow.graph": ("Graph",),
    "workflow.retry": ("Retry",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
