"""A workflow's step in a transaction of its own: its record and its effects commit together.

Rules: fenced as every outcome is, see `runtime.client.completion`. The transaction is begun and
committed here, so the caller's connection must be in none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime.client.completion import standing
from runtime.client.connections import driver_of
from runtime.client.driver import AsyncDriver, Rows, SyncDriver
from runtime.client.failures import explained, sqlstate
from runtime.client.on_asyncpg import AsyncpgDriver
from runtime.client.on_dbapi import DjangoDriver
from runtime.client.on_psycopg import AsyncPsycopgDriver, PsycopgDriver
from runtime.client.on_sqlalchemy import AsyncSqlalchemyDriver, SqlalchemyDriver
from runtime.client.statements import statement
from runtime.errors import JobCancelled, JobLost, UsageError


@attrs.frozen
class OwnStep:
    """The step to be recorded. `output` is JSON text as it is stored, or None."""

    namespace: str
    job_id: UUID
    run_number: int
    place: str
    name: str
    output: str | None
    seconds: float

    @property
    def parameter(self) -> str:
        """As client_step.sql takes it."""
        told = {
            "id": str(self.job_id),
            "run_number": self.run_number,
            "place": self.place,
            "name": self.name,
            "output": None if self.output is None else msgspec.Raw(self.output.encode()),
            "seconds": self.seconds,
        }
        return msgspec.json.encode(told).decode()

    def judge(self, rows: Rows) -> None:
        """Return if it was written. Raises: JobLost, JobCancelled."""
        written, state, run_number, cancelled = rows[0]
        if written:
            return
        if state == "running" and run_number == self.run_number and cancelled:
            raise JobCancelled("somebody cancelled the job while it ran")
        raise JobLost(self.job_id, self.run_number, standing(state, run_number, self.run_number))


def is_async(conn: object) -> bool:
    """Whether it is an asyncio connection. Raises: UsageError, for what is none."""
    return isinstance(driver_of(conn), AsyncDriver)


def record(conn: Any, step: OwnStep) -> None:
    """On a plain connection. Raises: JobLost, JobCancelled."""
    driver = driver_of(conn)
    assert isinstance(driver, SyncDriver)
    text = statement("step", step.namespace, driver.placeholder)
    with explained(step.namespace):
        step.judge(driver.fetch(text, step.parameter))


async def record_async(conn: Any, step: OwnStep) -> None:
    """On an asyncio connection."""
    driver = driver_of(conn)
    assert isinstance(driver, AsyncDriver)
    text = statement("step", step.namespace, driver.placeholder)
    with explained(step.namespace):
        step.judge(await driver.fetch(text, step.parameter))


# Classes of what may go well another time: it tells of the connection, or of the server
# (connection_exception, operator_intervention but for a cancelled query), or of what others did at
# the same time (transaction_rollback: serialization_failure, deadlock_detected).
_PASSING = ("08", "57P", "40")


def is_refused(error: BaseException) -> bool:
    """Whether the database has said itself that it did not commit, for a reason that stays."""
    state = sqlstate(error)
    return bool(state) and not state.startswith(_PASSING)


def transaction(conn: Any) -> AbstractContextManager[object]:
    """A transaction of this connection, committed at its end. Raises: UsageError."""
    driver = driver_of(conn)
    begun: AbstractContextManager[object]
    if isinstance(driver, PsycopgDriver):
        _refuse_if(driver.conn.info.transaction_status != _idle_of_psycopg())
        begun = driver.conn.transaction()
    elif isinstance(driver, SqlalchemyDriver):
        _refuse_if(driver.conn.in_transaction())
        begun = driver.conn.begin()
    elif isinstance(driver, DjangoDriver):
        _refuse_if(driver.conn.in_atomic_block)
        begun = sys.modules["django.db"].transaction.atomic(using=driver.conn.alias)
    else:
        begun = _of_dbapi(getattr(driver, "conn", conn))
    return begun


def async_transaction(conn: Any) -> AbstractAsyncContextManager[object]:
    """As `transaction`."""
    driver = driver_of(conn)
    begun: AbstractAsyncContextManager[object]
    if isinstance(driver, AsyncpgDriver):
        _refuse_if(driver.conn.is_in_transaction())
        begun = driver.conn.transaction()
    elif isinstance(driver, AsyncPsycopgDriver):
        _refuse_if(driver.conn.info.transaction_status != _idle_of_psycopg())
        begun = driver.conn.transaction()
    else:
        assert isinstance(driver, AsyncSqlalchemyDriver)
        _refuse_if(driver.conn.in_transaction())
        begun = driver.conn.begin()
    return begun


def _refuse_if(busy: bool) -> None:
    if busy:
        raise UsageError(
            "the connection is in a transaction already; ctx.transaction begins and commits its own"
        )


def _idle_of_psycopg() -> Any:
    return sys.modules["psycopg"].pq.TransactionStatus.IDLE


@contextmanager
def _of_dbapi(conn: Any) -> Iterator[None]:
    try:
        yield
    except BaseException:
        conn.rollback()
        raise
    conn.commit()
