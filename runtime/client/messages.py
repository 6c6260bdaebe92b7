"""Signals and events: what is sent to workflows, and what the database answers.

Rules: one statement of one parameter, so that every library sends it in the caller's own
transaction: what is sent exists if and only if that commits. Whatever is refused is refused before
it is sent, or by an answer; so the caller's transaction goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any, overload
from uuid import UUID

import attrs
import msgspec

from runtime import payload
from runtime.app import App
from runtime.client.connections import AsyncConn, SyncConn, driver_of
from runtime.client.driver import AsyncDriver, Rows
from runtime.client.failures import explained
from runtime.client.handle import JobHandle
from runtime.client.statements import statement
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import JobEnded, JobNotFound, PayloadTooLarge, UsageError
from runtime.handler_enqueue import Target
from runtime.handler_options import DEFAULT_NAMESPACE, check_name
from runtime.ids import uuid7
from runtime.payload import DEFAULT_LIMITS, PayloadLimits

Job = JobHandle[Any] | UUID

logger = logging.getLogger("headrace")


@attrs.frozen
class Signal:
    """A signal on its way. `value` is JSON text as it is stored."""

    job_id: UUID
    name: str
    value: str
    id: UUID

    statement = "send_signal"

    @property
    def parameter(self) -> str:
        """As client_send_signal.sql takes it."""
        told = {"job_id": self.job_id, "name": self.name, "id": self.id}
        return _with_value(told, self.value)

    def judge(self, rows: Rows) -> bool:
        """Whether it is new; if not, it was sent before. Raises: JobNotFound, JobEnded."""
        answer = rows[0][0]
        if answer is None:
            raise JobNotFound(self.job_id)
        if answer not in ("sent", "known"):
            raise JobEnded(self.job_id, answer, f"it takes no signal {self.name!r} any more")
        return bool(answer == "sent")


@attrs.frozen
class Happening:
    """An event on its way."""

    name: str
    value: str

    statement = "emit_event"

    @property
    def parameter(self) -> str:
        """As client_emit_event.sql takes it."""
        return _with_value({"name": self.name}, self.value)

    def judge(self, rows: Rows) -> bool:
        """Whether it is the first of its name."""
        return bool(rows[0][0])


Message = Signal | Happening


def _with_value(told: dict[str, Any], value: str) -> str:
    return msgspec.json.encode(told | {"value": msgspec.Raw(value.encode())}).decode()


def new_signal(
    job: Job,
    name: str,
    value: Any,
    signal_id: UUID | None,
    *,
    limits: PayloadLimits = DEFAULT_LIMITS,
    sealer: Sealer = PLAIN,
) -> Signal:
    """A signal to be sent. Raises: UsageError, PayloadInvalid, PayloadTooLarge."""
    job_id = job_id_of(job)
    if signal_id is not None and not isinstance(signal_id, UUID):
        raise UsageError(f"a signal's id is a uuid.UUID, not {signal_id!r:.100}")
    name = check_name("signal", name)
    text = _text(f"signal {name!r}", value, limits)
    # Its sender may know the job's id alone: it is bound to that.
    stored = sealer.seal("signal", text, "", job_id)
    return Signal(job_id, name, stored, signal_id or uuid7())


def new_event(
    name: str, value: Any, *, limits: PayloadLimits = DEFAULT_LIMITS, sealer: Sealer = PLAIN
) -> Happening:
    """An event to happen. Raises: UsageError, PayloadInvalid, PayloadTooLarge."""
    name = check_name("event", name)
    stored = sealer.seal("event", _text(f"event {name!r}", value, limits), "", None)
    return Happening(name, stored)


def job_id_of(job: Job) -> UUID:
    """Which job is meant. Raises: UsageError."""
    if isinstance(job, JobHandle):
        return job.id
    if not isinstance(job, UUID):
        raise UsageError(f"give a job's handle or its id as a uuid.UUID, not {job!r:.100}")
    return job


def _text(field: str, value: Any, limits: PayloadLimits) -> str:
    text = payload.encode(field, value)
    size = payload.byte_size(text)
    if size > limits.args_bytes:
        raise PayloadTooLarge(field, size, limits.args_bytes)
    if size >= limits.warn_bytes:
        logger.warning("%s is %d bytes of JSON", field, size)
    return text


@overload
def send_signal(
    conn: AsyncConn,
    job: Job,
    name: str,
    value: Any = None,
    *,
    id: UUID | None = ...,
    app: App | None = ...,
) -> Awaitable[bool]: ...
@overload
def send_signal(
    conn: SyncConn,
    job: Job,
    name: str,
    value: Any = None,
    *,
    id: UUID | None = ...,
    app: App | None = ...,
) -> bool: ...
def send_signal(
    conn: Any,
    job: Job,
    name: str,
    value: Any = None,
    *,
    id: UUID | None = None,  # noqa: A002 - the word for it
    app: App | None = None,
) -> Any:
    """Send a signal on the caller's own connection: it is there if and only if that commits.

    The workflow takes it at its `wait_signal(name)`, now or later; one signal is taken once. True
    if it is new: to repeat it with the same `id` adds nothing, also after its job's end. An async
    connection makes this awaitable. `app`: where it has a namespace, limits or a codec of its own
    and `job` is a mere id. Raises: JobNotFound; JobEnded; UsageError, PayloadInvalid,
    PayloadTooLarge, with nothing sent; SchemaNotMigrated; whatever the library raises.
    """
    home = _home(job.target if isinstance(job, JobHandle) else app)
    signal = new_signal(job, name, value, id, limits=home.limits, sealer=home.sealer)
    return _send(conn, home.namespace, signal)


@overload
def emit_event(
    conn: AsyncConn, name: str, value: Any = None, *, app: App | None = ...
) -> Awaitable[bool]: ...
@overload
def emit_event(conn: SyncConn, name: str, value: Any = None, *, app: App | None = ...) -> bool: ...
def emit_event(conn: Any, name: str, value: Any = None, *, app: App | None = None) -> Any:
    """Let an event happen, on the caller's own connection: for all that wait for it or will.

    True if it is the first of its name; later ones change nothing. Else as `send_signal`.
    """
    home = _home(app)
    event = new_event(name, value, limits=home.limits, sealer=home.sealer)
    return _send(conn, home.namespace, event)


@attrs.frozen
class _Home:
    """Where a message goes, and how it is written there."""

    namespace: str = DEFAULT_NAMESPACE
    limits: PayloadLimits = DEFAULT_LIMITS
    sealer: Sealer = PLAIN


def _home(of: Target[Any] | App | None) -> _Home:
    return _Home() if of is None else _Home(of.namespace, of.limits, of.sealer)


def _send(conn: Any, namespace: str, message: Message) -> Any:
    driver = driver_of(conn)
    text = statement(message.statement, namespace, driver.placeholder)
    if isinstance(driver, AsyncDriver):
        return _send_async(driver, text, namespace, message)
    with explained(namespace):
        return message.judge(driver.fetch(text, message.parameter))


async def _send_async(driver: AsyncDriver, text: str, namespace: str, message: Message) -> bool:
    with explained(namespace):
        return message.judge(await driver.fetch(text, message.parameter))
