"""Enqueuer: whatever can be enqueued, with its options. A handler, a handler `with_options`, or a
Kind: the name of a handler that this program cannot import.

Rules: args and options are checked and encoded before anything is sent. Nothing here imports a
database library; `enqueue` finds out what the caller's connection is.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, overload
from uuid import UUID

import msgspec

from runtime import payload
from runtime.codec.sealer import Codec, Sealer
from runtime.errors import ArgsInvalid, UsageError
from runtime.external_id import external_id as named_id
from runtime.handler_options import (
    DEFAULT_NAMESPACE,
    JobOptions,
    Seconds,
    check_kind,
    check_namespace,
    seconds_of,
)
from runtime.ids import uuid7
from runtime.job import DEFAULT_MAX_ATTEMPTS, DEFAULT_PRIORITY, DEFAULT_QUEUE, NewJob
from runtime.payload import DEFAULT_LIMITS, PayloadLimits
from runtime.unique import REPLACEABLE, Unique

if TYPE_CHECKING:
    from runtime.client.connections import AsyncConn, SyncConn
    from runtime.client.handle import AsyncConnHandle, ConnHandle

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

logger = logging.getLogger("headrace")


class Target(Protocol[R_co]):
    """What an Enqueuer enqueues."""

    @property
    def kind(self) -> str: ...

    @property
    def namespace(self) -> str: ...

    @property
    def limits(self) -> PayloadLimits: ...

    @property
    def sealer(self) -> Sealer: ...

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The args by name. Raises: ArgsInvalid."""

    def encode_args(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """The args as JSON text. Raises: ArgsInvalid, PayloadError."""

    def passed_layers(self, job: NewJob) -> NewJob:
        """The job as the middleware around enqueue leaves it. Raises: what that raises."""

    def key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """What these args' queue groups them by; None: nothing. Raises: ArgsInvalid, UsageError."""

    def check_names(self, options: JobOptions) -> None:
        """Raises: UsageError, for options that name an arg which it has not got."""

    def decode_output(self, text: str | None) -> R_co:
        """An output from JSON text. Raises: OutputInvalid."""


class Enqueuer(Generic[P, R]):
    """Something to enqueue, with the options of its jobs."""

    def __init__(self, target: Target[R], options: JobOptions) -> None:
        self._target = target
        self._options = options

    @property
    def target(self) -> Target[R]:
        """The handler, or the kind, that is enqueued."""
        return self._target

    def with_options(
        self,
        *,
        delay: Seconds | None = None,
        scheduled_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        max_attempts: int | None = None,
        timeout: Seconds | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        id: UUID | None = None,  # noqa: A002 - the word for it
        external_id: str | None = None,
        key: str | None = None,
        sequence: bool | None = None,
        unique: Unique | bool | None = None,
        expires_in: Seconds | None = None,
        expires_at: datetime | None = None,
    ) -> Enqueuer[P, R]:
        """The same with other options; those not given stay. Raises: UsageError.

        Args: delay: from now by the database's clock (seconds or timedelta). scheduled_at: the
        time itself, with a time zone. priority: 1 first, 4 last. timeout: of a run (seconds or
        timedelta; 0: none). id: repeating an enqueue with the same id adds nothing; external_id:
        the same, by a name that others know the job by (see `id_of`). key: what its queue groups
        it by. sequence: one at a time, in order, per key. unique: what makes it the same as another
        (True: kind and args; False: not unique). expires_in, expires_at: not to run after that.
        """
        if id is not None and external_id is not None:
            raise UsageError("both id and external_id; give one of them")
        options = JobOptions(
            queue=queue,
            priority=priority,
            max_attempts=max_attempts,
            timeout_seconds=seconds_of("timeout", timeout),
            delay_seconds=seconds_of("delay", delay),
            scheduled_at=scheduled_at,
            tags=None if tags is None else tuple(tags),
            metadata=metadata,
            id=id if external_id is None else self.id_of(external_id),
            key=key,
            sequence=sequence,
            unique=Unique() if unique is True else unique,
            expires_seconds=seconds_of("expires_in", expires_in),
            expires_at=expires_at,
        )
        self._target.check_names(options)
        return Enqueuer(self._target, options.over(self._options))

    def id_of(self, external_id: str) -> UUID:
        """The id of the job that was, or will be, enqueued with this external id, by whomever.

        Raises: UsageError, for what is no name.
        """
        return named_id(self._target.kind, external_id)

    def new_job(self, *args: P.args, **kwargs: P.kwargs) -> NewJob:
        """The job that `enqueue` would write, for `enqueue_many`. Pure, but for its new id.

        Raises: ArgsInvalid, PayloadInvalid, PayloadTooLarge.
        """
        return self._new_job(args, kwargs)

    def template_job(self, *args: P.args, **kwargs: P.kwargs) -> NewJob:
        """As `new_job`, but its args may be given to any job of the kind, as a schedule's are."""
        return self._new_job(args, kwargs, template=True)

    def job_with_gaps(self, given: Mapping[str, Any], wrap: Callable[[str], str]) -> NewJob:
        """As `new_job`, with args of which some are put in later: they are not checked before.

        Args: given: args by name. wrap: from them, as JSON text, to what is stored.
        """
        text = wrap(payload.encode("args", given))
        return self._job((), given, _sized(self._target, "args", text))

    def _new_job(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, template: bool = False
    ) -> NewJob:
        text = _sized(self._target, "args", self._target.encode_args(args, kwargs))
        return self._job(args, kwargs, text, template=template)

    def _job(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        text: str,
        *,
        template: bool = False,
    ) -> NewJob:
        options, target = self._options, self._target
        key = options.key if options.key is not None else target.key_of(args, kwargs)
        if options.sequence and key is None:
            raise UsageError(f"{target.kind}: a sequence needs a key; give key=")
        job = NewJob(
            id=options.id or uuid7(),
            kind=target.kind,
            args=text,
            queue=options.queue or DEFAULT_QUEUE,
            priority=options.priority or DEFAULT_PRIORITY,
            max_attempts=options.max_attempts or DEFAULT_MAX_ATTEMPTS,
            timeout_seconds=options.timeout_seconds,
            delay_seconds=options.delay_seconds,
            scheduled_at=options.scheduled_at,
            tags=options.tags or (),
            metadata=_metadata(target, options.metadata),
            key=key,
            sequence=bool(options.sequence),
            expires_at=options.expires_at,
            expires_seconds=options.expires_seconds,
        )
        return _finished(target, target.passed_layers(job), options, template)

    @overload
    def enqueue(
        self, conn: AsyncConn, /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[AsyncConnHandle[R]]: ...
    @overload
    def enqueue(self, conn: SyncConn, /, *args: P.args, **kwargs: P.kwargs) -> ConnHandle[R]: ...
    def enqueue(self, conn: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Write a job on the caller's own connection: it exists if and only if that commits.

        `conn` is of asyncpg, psycopg 3, SQLAlchemy 2, Django or another DB-API library; an async
        one makes this awaitable. In autocommit the job exists on return.
        Raises: UsageError, for another object; ArgsInvalid, PayloadInvalid, PayloadTooLarge, with
        nothing sent; SchemaNotMigrated; whatever the library raises.
        """
        from runtime.client.caller import enqueue

        return enqueue(conn, self._target, self.new_job(*args, **kwargs))


def enqueue_jobs(conn: Any, jobs: Iterable[NewJob], namespace: str, limits: PayloadLimits) -> Any:
    """See `App.enqueue_many`."""
    from runtime.client.caller import enqueue_many

    return enqueue_many(conn, jobs, namespace=namespace, limits=limits)


class Kind(Enqueuer[..., Any]):
    """A kind by its name, for programs that enqueue what they cannot import.

    Its args are given by name and not checked against a signature; its output is plain JSON values.
    Raises: UsageError, for a name that cannot be a kind.
    """

    def __init__(
        self,
        kind: str,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        limits: PayloadLimits = DEFAULT_LIMITS,
        codec: Codec | Sequence[Codec] | None = None,
    ) -> None:
        super().__init__(self, JobOptions())
        self.kind = check_kind(kind)
        self.namespace = check_namespace(namespace)
        self.limits = limits
        self.sealer = Sealer(codec)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """See Target."""
        if args:
            raise ArgsInvalid(self.kind, "give args by name: its signature is unknown", "(...)")
        return kwargs

    def encode_args(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """See Target."""
        return payload.encode("args", self.given(args, kwargs))

    def passed_layers(self, job: NewJob) -> NewJob:
        """See Target. It has no app, and so no middleware."""
        return job

    def key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """See Target."""
        return None

    def check_names(self, options: JobOptions) -> None:
        """See Target."""

    def decode_output(self, text: str | None) -> Any:
        """See Target."""
        return None if text is None else msgspec.json.decode(text)


def _replaces(options: JobOptions) -> bool:
    return isinstance(options.unique, Unique) and options.unique.on_conflict == "replace"


def _finished(
    target: Target[Any], job: NewJob, options: JobOptions, template: bool = False
) -> NewJob:
    """The job as it is stored: its args sealed, its uniqueness that of the args before that."""
    # What replaces another's args, or is given to each firing, must be readable under other ids.
    sealed = _sealed(target, job.args, None if template or _replaces(options) else job.id)
    stored = job if sealed is job.args else msgspec.structs.replace(job, args=sealed)
    return with_key(stored, options.unique, job.args) if options.unique else stored


def with_key(job: NewJob, unique: Unique, args: str) -> NewJob:
    """The job with its key. `args` as they were before they were sealed."""
    return msgspec.structs.replace(
        job,
        unique_key=unique.key(job.kind, job.queue, args),
        unique_states=unique.unique_states,
        unique_period_seconds=unique.period,
        on_conflict=unique.on_conflict,
        replace=None if unique.replace == REPLACEABLE else unique.replace,
    )


def _metadata(target: Target[Any], metadata: Mapping[str, Any] | None) -> str:
    return _sized(target, "metadata", payload.encode("metadata", metadata)) if metadata else "{}"


def _sealed(target: Target[Any], text: str, job_id: UUID | None) -> str:
    """Args as they are stored: for one job, or for any of the kind.

    Raises: PayloadInvalid; PayloadTooLarge, of what is stored.
    """
    sealed = target.sealer.seal("args", text, target.kind, job_id)
    if sealed is not text:
        payload.check_size("args", sealed, target.limits)
    return sealed


def _sized(target: Target[Any], field: str, text: str) -> str:
    """The text, unless it is too large. Raises: PayloadTooLarge."""
    if payload.check_size(field, text, target.limits):
        size = payload.byte_size(text)
        logger.warning("%s of a %s job are %d bytes of JSON", field, target.kind, size)
    return text
