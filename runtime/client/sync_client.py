"""Client: for sync code. asyncpg runs in a thread of the client's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload
from uuid import UUID

from runtime.app import App
from runtime.client import bulk
from runtime.client.core import Core
from runtime.client.follow_faces import follow
from runtime.client.following import JobUpdate
from runtime.client.graph_handles import outcome_by
from runtime.client.grouped import SyncGroups
from runtime.client.handle import BulkResult, ClientHandle, JobHandle
from runtime.client.results import Progress
from runtime.client.thread import LoopThread
from runtime.client.wiring import DEFAULT_POOL_SIZE, wire
from runtime.graph_node import ROOT_KIND
from runtime.handler_enqueue import Enqueuer
from runtime.job import Job, NewJob

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Client(SyncGroups):
    """Enqueues jobs and waits for their results, from any thread, with a pool of its own.

    It connects when it is first used. Close it, or use it in a `with` statement. A process that was
    forked meanwhile gets a pool of its own.

    Args: app: its handlers may be enqueued by name, and its namespace is used; or None. url: of the
    database; by default HEADRACE_DATABASE_URL or DATABASE_URL. pool_size: connections at most, and
    one more once somebody waits for a result. pooler: the URL leads to a transaction pooler.
    Raises: ConfigError, UsageError. All methods raise StoreUnavailable and SchemaNotMigrated.
    """

    def __init__(
        self,
        app: App | None = None,
        url: str | None = None,
        *,
        namespace: str | None = None,
        pool_size: int = DEFAULT_POOL_SIZE,
        pooler: bool = False,
    ) -> None:
        self._wiring = wire(app, url, namespace, pool_size, pooler)
        self._lock = threading.Lock()
        self._running: tuple[LoopThread, Core] | None = None
        self._forked: list[object] = []  # a parent's connections, which are not ours to close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    @overload
    def enqueue(
        self, what: Enqueuer[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> ClientHandle[R]: ...
    @overload
    def enqueue(self, what: str, /, **kwargs: Any) -> ClientHandle[Any]: ...
    def enqueue(self, what: Any, /, *args: Any, **kwargs: Any) -> ClientHandle[Any]:
        """Write a job: of a handler, a handler `with_options`, or a kind by name.

        Tried again when the database breaks off: a job is never added twice. Raises: ArgsInvalid,
        PayloadInvalid, PayloadTooLarge, UnknownKind; then nothing was sent. JobNotUnique.
        """
        chosen = self._wiring.enqueuer(what)
        job = chosen.new_job(*args, **kwargs)
        (written,) = self._call(lambda core: core.enqueue([job]))
        return ClientHandle(
            written.id,
            written.inserted,
            chosen.target,
            self._wait,
            duplicate=written.id != job.id,
            replaced=written.replaced,
        )

    def enqueue_many(self, jobs: Iterable[NewJob]) -> BulkResult:
        """Write many jobs in one transaction, all or none.

        Jobs are made with `handler.new_job(...)`, and consumed as they are sent, in this thread.
        Known ids add nothing. Raises: UsageError, PayloadTooLarge, JobNotUnique, with the job's
        index.
        """
        thread, core = self._ready()
        steps = bulk.steps(core, jobs)
        try:
            step = next(steps)
            while True:
                try:
                    value = thread.call(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as end:
            result: BulkResult = end.value
            return result

    @overload
    def result(self, job: JobHandle[R], *, timeout: float | None = None) -> R: ...
    @overload
    def result(self, job: UUID, *, timeout: float | None = None) -> Any: ...
    def result(self, job: JobHandle[R] | UUID, *, timeout: float | None = None) -> Any:
        """Wait for a job's end and return its output; of an id: as plain JSON values.

        It is known within 50 ms. `timeout` in seconds; None: for ever.
        Raises: JobFailed, ResultTimeout, JobNotFound, OutputInvalid, CodecError.
        """
        job_id, reader = self._wiring.awaited(job)
        ended = self._wait(job_id, timeout)
        if ended.kind == ROOT_KIND:
            return outcome_by(job, ended, self._graph_rows(job_id), reader)
        return ended.value(reader)

    def get(self, job_id: UUID) -> Job:
        """A job's row with its failures. Raises: JobNotFound."""
        return self._call(lambda core: core.get(job_id))

    def cancel(self, job_id: UUID, reason: str | None = None, *, force: bool = False) -> Job:
        """Cancel a job: at once, or by its node while it runs. A final job stays as it is.

        A running handler is told at once, with the reason, and killed after its grace; the job
        stays cancelled whatever it returns. A workflow with `clean_up=True` that has begun is told
        so by a JobCancelled at its next operation, undoes what it did, in its own time, and ends
        cancelled then; to cancel again changes nothing. force: without that. Raises: JobNotFound.
        """
        return self._call(lambda core: core.cancel(job_id, reason, force))

    def pause_job(self, job_id: UUID) -> Job:
        """Hold one job back, whatever it waits for: it is `pending`, with `paused_at` set.

        A running one goes on to the end of its run, a workflow to its next operation. Only
        `resume_job` has it go on; what it is sent meanwhile is kept, to cancel it ends it (a
        workflow that cleans up does so once it is resumed), and its deadline holds. A final job
        stays as it is. Raises: JobNotFound.
        """
        return self._call(lambda core: core.pause_job(job_id))

    def resume_job(self, job_id: UUID) -> Job:
        """Undo `pause_job`: the job goes on from where it was. Another stays as it is.

        Raises: JobNotFound.
        """
        return self._call(lambda core: core.resume_job(job_id))

    def follow(self, job: JobHandle[Any] | UUID) -> Iterator[JobUpdate]:
        """An update each time that the job stands otherwise, or its run tells something.

        The last one is its end. Raises: JobNotFound.
        """
        return follow(self._call, self._wiring.awaited(job)[0])

    def retry(self, job_id: UUID) -> Job:
        """Make a job that is not running available now, with one more attempt if need be.

        Raises: JobNotFound, JobNotUnique.
        """
        return self._call(lambda core: core.retry(job_id))

    def check(self) -> None:
        """Return if the database answers and its tables are ours. Raises: SchemaTooNew."""
        self._call(lambda core: core.check())

    def close(self) -> None:
        """Close all connections. Whoever still waits gets StoreUnavailable."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None and running[0].alive:
            running[0].stop()

    def _wait(self, job_id: UUID, timeout: float | None) -> Progress:
        return self._call(lambda core: core.wait(job_id, timeout))

    def _call(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        thread, core = self._ready()
        return thread.call(lambda: action(core))

    def _ready(self) -> tuple[LoopThread, Core]:
        with self._lock:
            if self._running is None or not self._running[0].alive:
                self._forked.append(self._running)
                core = self._wiring.core()
                thread = LoopThread(core.close)
                thread.call(core.open)
                self._running = thread, core
            return self._running
