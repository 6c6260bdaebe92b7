"""App: the registry of handlers, by kind, and `load`, which finds an app by its import path.

Rule: a kind names the same handler in the database for years, whatever file it moves to. Hence its
default is the function's bare name, without its module; give `kind=` before renaming a function.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from runtime.app_handlers import handler_class
from runtime.app_workflows import Workflows
from runtime.batch import Batch
from runtime.codec.sealer import Codec, Sealer
from runtime.errors import UnknownKind, UsageError
from runtime.failure_policy import BackoffPolicy, ErrorHook, ErrorTypes, FailurePolicy
from runtime.handler import AsyncHandler, Handler, SyncHandler
from runtime.handler_batch import BatchDecorator
from runtime.handler_enqueue import enqueue_jobs
from runtime.handler_key import KeyFunction
from runtime.handler_options import (
    DEFAULT_NAMESPACE,
    JobOptions,
    Seconds,
    check_namespace,
)
from runtime.job import DEFAULT_MAX_ATTEMPTS, DEFAULT_PRIORITY, DEFAULT_QUEUE, NewJob
from runtime.payload import DEFAULT_LIMITS, PayloadLimits
from runtime.resources import Resources
from runtime.surroundings import Surroundings
from runtime.timing import Timing
from runtime.unique import Unique

if TYPE_CHECKING:
    from runtime.client.connections import AsyncConn, SyncConn
    from runtime.client.handle import BulkResult

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound=ErrorHook)

DEFAULT_ATTRIBUTE = "app"


class JobDecorator(Protocol):
    """What `@app.job(...)` returns: makes a function a handler."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncHandler[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncHandler[P, R]: ...


class App(Surroundings, Workflows):
    """A set of handlers and the namespace in which their jobs live.

    Args: name: for people and logs. namespace: the PostgreSQL schema of the tables. limits: how
    large args and metadata may be where jobs are enqueued. codec: what args and outputs are stored
    with, such as AesGcm, or several, in order (`runtime.codec`). max_attempts, backoff, retry_on,
    discard_on and max_crashes: of its handlers, where they have none of their own; see `job`.
    Raises: UsageError, for what cannot be.
    """

    def __init__(
        self,
        name: str = "app",
        *,
        namespace: str = DEFAULT_NAMESPACE,
        limits: PayloadLimits = DEFAULT_LIMITS,
        codec: Codec | Sequence[Codec] | None = None,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        backoff: BackoffPolicy | None = None,
        retry_on: ErrorTypes | None = None,
        discard_on: ErrorTypes | None = None,
        max_crashes: int | None = None,
    ) -> None:
        Surroundings.__init__(self)
        Workflows.__init__(self, JobOptions(max_attempts=max_attempts))
        self.name = name
        self.namespace = check_namespace(namespace)
        self.limits = limits
        self.sealer = Sealer(codec)
        self.policy = FailurePolicy(
            backoff=backoff, retry_on=retry_on, discard_on=discard_on, max_crashes=max_crashes
        )

    def __repr__(self) -> str:
        return f"<App {self.name}: {len(self._handlers)} kinds>"

    @property
    def handlers(self) -> Mapping[str, Handler[..., Any]]:
        """The handlers by kind, in the order of their definition; a read-only view."""
        return MappingProxyType(self._handlers)

    def handler(self, kind: str) -> Handler[..., Any]:
        """The handler of a kind. Raises: UnknownKind."""
        try:
            return self._handlers[kind]
        except KeyError:
            known = ", ".join(sorted(self._handlers)) or "none"
            raise UnknownKind(
                f"{self.name} has no handler of kind {kind!r}; it has: {known}"
            ) from None

    def prepare(self) -> None:
        """Look up every handler's annotations now. Raises: UsageError, naming handler and type."""
        self.sealer.prepare()
        for handler in self._handlers.values():
            handler.prepare()

    @overload
    def job(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncHandler[P, R]: ...
    @overload
    def job(self, function: Callable[P, R], /) -> SyncHandler[P, R]: ...
    @overload
    def job(
        self,
        function: None = None,
        /,
        *,
        kind: str | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        timeout: Seconds | None = None,
        max_attempts: int | None = None,
        backoff: BackoffPolicy | None = None,
        retry_on: ErrorTypes | None = None,
        discard_on: ErrorTypes | None = None,
        on_error: ErrorHook | None = None,
        max_crashes: int | None = None,
        resources: Resources | None = None,
        key: str | KeyFunction | None = None,
        sequence: bool = False,
        unique: Unique | bool = False,
        expires_in: Seconds | None = None,
        aliases: Sequence[str] = (),
        schedule: Timing | None = None,
    ) -> JobDecorator: ...
    @overload
    def job(
        self,
        function: None = None,
        /,
        *,
        batch: Batch,
        kind: str | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        timeout: Seconds | None = None,
        max_attempts: int | None = None,
        backoff: BackoffPolicy | None = None,
        retry_on: ErrorTypes | None = None,
        discard_on: ErrorTypes | None = None,
        on_error: ErrorHook | None = None,
        max_crashes: int | None = None,
        resources: Resources | None = None,
        key: str | KeyFunction | None = None,
        sequence: bool = False,
        unique: Unique | bool = False,
        expires_in: Seconds | None = None,
        aliases: Sequence[str] = (),
    ) -> BatchDecorator: ...
    def job(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        kind: str | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        timeout: Seconds | None = None,
        max_attempts: int | None = None,
        backoff: BackoffPolicy | None = None,
        retry_on: ErrorTypes | None = None,
        discard_on: ErrorTypes | None = None,
        on_error: ErrorHook | None = None,
        max_crashes: int | None = None,
        resources: Resources | None = None,
        key: str | KeyFunction | None = None,
        sequence: bool = False,
        unique: Unique | bool = False,
        expires_in: Seconds | None = None,
        aliases: Sequence[str] = (),
        batch: Batch | None = None,
        schedule: Timing | None = None,
    ) -> Any:
        """Make a function, sync or async, the handler of a kind. It stays callable as it was.

        Args: kind: its name in the database; the function's own name by default. queue, priority
        (1 first, 4 last) and max_attempts are the defaults of its jobs. timeout: of a run, in
        seconds or as a timedelta; None: the node's; 0: none. backoff: a Backoff, a function
        (failed attempt, error) -> seconds, which runs in the child, or a mapping of exception types
        to these. retry_on: only such errors are retried; discard_on: such are not. on_error: called
        in the child with the job and its error; may return Discard, Snooze or Cancel. max_crashes:
        runs that may kill their process, 3 by default. resources: of a run; see Resources. key:
        what its queue groups a job by: the name of a parameter, a function of the args, or text.
        sequence: one job of a key at a time, in order. unique: see Unique; True: by kind and args.
        expires_in: not to run later than so long after its enqueue. aliases: kinds that it had
        before, whose jobs it runs too. schedule: when it runs by itself; see `schedule`.
        batch: the function takes a list of BatchJobs, and gives a result for each; see Batch.
        Raises: UsageError, for a kind that is taken, an option or a function that cannot be.
        """
        return self._decorator(
            function,
            partial(handler_class, batch=batch),
            kind=kind,
            queue=queue,
            priority=priority,
            timeout=timeout,
            max_attempts=max_attempts,
            backoff=backoff,
            retry_on=retry_on,
            discard_on=discard_on,
            on_error=on_error,
            max_crashes=max_crashes,
            resources=resources,
            key=key,
            sequence=sequence,
            unique=unique,
            expires_in=expires_in,
            aliases=aliases,
            schedule=schedule,
        )

    def on_error(self, hook: H) -> H:
        """Have a function called in the child with each job and the error that its handler raised.

        Of all handlers; one with a hook of its own is asked first. It may return Discard, Snooze
        or Cancel. What it raises is logged, noted in the failure, and changes nothing.
        Not of runs that die with their process: for those subscribe to events; see `ErrorHook`.
        Raises: UsageError, for what cannot be a hook, or a second one.
        """
        if self.policy.on_error is not None:
            raise UsageError(f"{self!r} has an error hook already: {self.policy.on_error!r}")
        self.policy = FailurePolicy(on_error=hook).over(self.policy)
        return hook

    @overload
    def enqueue_many(self, conn: AsyncConn, jobs: Iterable[NewJob]) -> Awaitable[BulkResult]: ...
    @overload
    def enqueue_many(self, conn: SyncConn, jobs: Iterable[NewJob]) -> BulkResult: ...
    def enqueue_many(self, conn: Any, jobs: Iterable[NewJob]) -> Any:
        """`runtime.enqueue_many`, into this app's namespace and with its limits."""
        return enqueue_jobs(conn, jobs, self.namespace, self.limits)


def load(path: str) -> App:
    """The app at an import path such as ``pkg.jobs:app``; the attribute is `app` by default.

    The working directory is importable, as with `python -m`. Its handlers are prepared.
    Raises: UsageError, if there is no such module or attribute, or it is no App; and whatever
    importing the module raises.
    """
    name, _, attribute = path.partition(":")
    if name.endswith(".py") or "/" in name or not name:
        raise UsageError(f"{path!r} is no import path: give a module, such as pkg.jobs:app")
    app = _attribute(_module(name), attribute or DEFAULT_ATTRIBUTE)
    if not isinstance(app, App):
        raise UsageError(f"{path} is {app!r}, not a runtime.App")
    app.prepare()
    return app


def _module(name: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that the app itself fails to import is the app's own error.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(
            f"no module named {error.name!r}: looked in {here} and the rest of sys.path"
        ) from error


def _attribute(module: Any, path: str) -> Any:
    found = module
    for name in path.split("."):
        if not hasattr(found, name):
            apps = [key for key, value in vars(module).items() if isinstance(value, App)]
            hint = f"; its apps: {', '.join(apps)}" if apps else "; it has no App"
            raise UsageError(f"{module.__name__} has no attribute {path!r}{hint}")
        found = getattr(found, name)
    return found
