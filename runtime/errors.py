"""Every error that a user of Headrace can meet.

Rules: few classes; the class says whose fault it was, the message says what, where and what to do.
Errors of our caller derive from `UsageError`, errors of the world from `Unavailable`, and what a
handler meets while it is being stopped derives from `Interrupted`, which is no `Exception`, so that
a handler's own `except Exception` does not keep it alive.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID


class HeadraceError(Exception):
    """Base of all errors that Headrace raises to its callers."""


class UsageError(HeadraceError):
    """The caller asked for something that cannot be; nothing was written."""


class ConfigError(UsageError):
    """An option has no usable value. The message names option, source and value."""


class AppError(UsageError):
    """The app cannot be imported. The message holds the traceback of its import."""


class UnknownKind(UsageError):
    """The app has no handler of this kind."""


class ArgsInvalid(UsageError):
    """The args do not fit the handler's signature: one is missing, unknown or of another type.

    Raised at enqueue, where nothing was written, and in the child for rows that others wrote.
    Attributes: kind, reason, signature.
    """

    def __init__(self, kind: str, reason: str, signature: str) -> None:
        self.kind = kind
        self.reason = reason
        self.signature = signature
        super().__init__(f"{kind}{signature}: {reason}")

    def __reduce__(self) -> tuple[type[ArgsInvalid], tuple[str, str, str]]:
        return type(self), (self.kind, self.reason, self.signature)


class PayloadError(UsageError):
    """A payload was refused at the boundary; nothing of the call was written."""


class PayloadTooLarge(PayloadError):
    """A payload is over its limit.

    Attributes: field ("args", "output", "metadata"), size and limit in bytes of JSON, and index,
    the position in a bulk call, or None.
    """

    def __init__(self, field: str, size: int, limit: int, index: int | None = None) -> None:
        self.field = field
        self.size = size
        self.limit = limit
        self.index = index
        where = field if index is None else f"{field} of job {index}"
        super().__init__(
            f"{where} is {size:,} bytes of JSON; the limit is {limit:,}. "
            f"Store large data elsewhere and pass a reference to it."
        )

    def __reduce__(self) -> tuple[type[PayloadTooLarge], tuple[str, int, int, int | None]]:
        return type(self), (self.field, self.size, self.limit, self.index)


class PayloadInvalid(PayloadError):
    """A payload holds a value that JSON readers or PostgreSQL would lose or refuse.

    Attributes: field, path (such as ``$.frames[3].rate``), reason, and index (see PayloadTooLarge).
    """

    def __init__(self, field: str, path: str, reason: str, index: int | None = None) -> None:
        self.field = field
        self.path = path
        self.reason = reason
        self.index = index
        where = field if index is None else f"{field} of job {index}"
        super().__init__(f"{where} at {path}: {reason}")

    def __reduce__(self) -> tuple[type[PayloadInvalid], tuple[str, str, str, int | None]]:
        return type(self), (self.field, self.path, self.reason, self.index)


class Unavailable(HeadraceError):
    """Something outside did not answer; trying again may help."""


class StoreUnavailable(Unavailable):
    """The database did not answer, or broke off. Whether the statement took effect is unknown."""


class NamespaceDisabled(StoreUnavailable):
    """The namespace was switched off: nothing can be enqueued until somebody enables it."""


class SchemaError(HeadraceError):
    """The database's tables are not those that this version needs."""


class SchemaNotMigrated(SchemaError):
    """The namespace has no tables yet, or older ones. `python -m runtime migrate up` makes them."""


class SchemaTooNew(SchemaError):
    """The namespace was migrated by a newer version of Headrace. Upgrade this program."""


class MigrationError(SchemaError):
    """A migration could not be applied; the message names it and says what was left."""


class JobNotFound(HeadraceError):
    """No job has this id (it may have been pruned)."""

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id
        super().__init__(f"no job {job_id}: it was never committed, or has been deleted or pruned")

    def __reduce__(self) -> tuple[type[JobNotFound], tuple[UUID]]:
        return type(self), (self.job_id,)


class JobNotUnique(HeadraceError):
    """Another job has the key by which this one is unique; nothing of the call was written.

    Attributes: job_id, of that other job, or None where it is not known; index, the position in a
    bulk call, or None.
    """

    def __init__(self, job_id: UUID | None, index: int | None = None) -> None:
        self.job_id = job_id
        self.index = index
        which = "the job" if index is None else f"job {index}"
        other = "another job" if job_id is None else f"job {job_id}"
        super().__init__(f"{which} is not unique: {other} is the same; nothing was written")

    def __reduce__(self) -> tuple[type[JobNotUnique], tuple[UUID | None, int | None]]:
        return type(self), (self.job_id, self.index)


class ScheduleNotFound(HeadraceError):
    """No schedule has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no schedule {name!r}")

    def __reduce__(self) -> tuple[type[ScheduleNotFound], tuple[str]]:
        return type(self), (self.name,)


class ScheduleExists(UsageError):
    """There is a schedule of this name already; nothing was changed."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is a schedule {name!r} already; update it, or delete it first")

    def __reduce__(self) -> tuple[type[ScheduleExists], tuple[str]]:
        return type(self), (self.name,)


class JobFailed(HeadraceError):
    """The job whose result was awaited ended without one.

    Attributes: job_id; state ("discarded" or "cancelled"); error_class, message and trace of its
    last failure ("" where there was none).
    """

    def __init__(
        self, job_id: UUID, state: str, error_class: str = "", message: str = "", trace: str = ""
    ) -> None:
        self.job_id = job_id
        self.state = state
        self.error_class = error_class
        self.message = message
        self.trace = trace
        last = f"; last failure: {error_class}: {message}" if error_class else ""
        super().__init__(f"job {job_id} was {state}{last}")

    def __reduce__(self) -> tuple[type[JobFailed], tuple[UUID, str, str, str, str]]:
        return type(self), (self.job_id, self.state, self.error_class, self.message, self.trace)


class OutputInvalid(HeadraceError):
    """A job's output does not fit the handler's return annotation, as its reader knows it."""


class CodecError(HeadraceError):
    """A payload cannot be unsealed: a key is missing or another, or it was changed or moved.

    A job whose args are so is kept: it is tried again later, uncounted, until its node has the key.
    Attributes: codec, the layer's name; reason; key_id ("" where there is none); field and kind.
    """

    def __init__(
        self, codec: str, reason: str, key_id: str = "", *, field: str = "", kind: str = ""
    ) -> None:
        self.codec = codec
        self.reason = reason
        self.key_id = key_id
        self.field = field
        self.kind = kind
        whose = f"{field} of a {kind} job: " if kind else ""
        super().__init__(f"{whose}{codec}: {reason}")

    def of(self, field: str, kind: str) -> CodecError:
        """The same, told of a job's field."""
        return CodecError(self.codec, self.reason, self.key_id, field=field, kind=kind)

    def __reduce__(self) -> tuple[Any, ...]:
        return _codec_error, (self.codec, self.reason, self.key_id, self.field, self.kind)


def _codec_error(codec: str, reason: str, key_id: str, field: str, kind: str) -> CodecError:
    return CodecError(codec, reason, key_id, field=field, kind=kind)


class JobLost(HeadraceError):
    """The run is no longer its job's, so it may not complete it. Roll the transaction back.

    The node lost its lease and the job runs elsewhere, or has ended, or was deleted.
    Attributes: job_id, run_number.
    """

    def __init__(self, job_id: UUID, run_number: int, reason: str) -> None:
        self.job_id = job_id
        self.run_number = run_number
        self.reason = reason
        super().__init__(f"job {job_id} is no longer run {run_number}'s: {reason}")

    def __reduce__(self) -> tuple[type[JobLost], tuple[UUID, int, str]]:
        return type(self), (self.job_id, self.run_number, self.reason)


class JobEnded(HeadraceError):
    """The job has ended, so that it takes no signal and publishes nothing more.

    Attributes: job_id; state ("completed", "cancelled" or "discarded"); what cannot be done.
    """

    def __init__(self, job_id: UUID, state: str, what: str) -> None:
        self.job_id = job_id
        self.state = state
        self.what = what
        super().__init__(f"job {job_id} is {state}: {what}")

    def __reduce__(self) -> tuple[type[JobEnded], tuple[UUID, str, str]]:
        return type(self), (self.job_id, self.state, self.what)


class ResultTimeout(HeadraceError, TimeoutError):
    """The job had no final state within the given time. It goes on; ask again."""


class Interrupted(BaseException):
    """Raised inside a handler that is being stopped. Clean up and let it pass."""


class JobTimeout(Interrupted):
    """The run exceeded the job's timeout."""


class CpuTimeout(JobTimeout):
    """The run took more CPU seconds than its handler's `Resources(cpu_timeout=...)`."""


class Expired(JobTimeout):
    """The job's deadline came (`expires_at`): it is discarded, whatever its attempts."""


class JobCancelled(Interrupted):
    """Somebody cancelled the job while it ran."""


class RunStopped(Interrupted):
    """The node stops: the job goes back, uncounted, and runs again elsewhere."""
