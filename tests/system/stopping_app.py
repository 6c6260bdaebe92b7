"""The app of `boundary_jobs`, whose children stop themselves where a file tells them to.

Imported by a node's fork server alone. Each boundary that a job comes to is a line in `<job>`, in
the folder STOPS_FOLDER; where `<job>.stop` names it, the process ends there, at once and for good,
the first time.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from runtime import current_job
from runtime.client import stepping
from runtime.workflow.records import Collect, Record, Spawn
from runtime.workflow.session import Session
from runtime.workflow.strand import Strand
from tests.system.boundary_jobs import app

__all__ = ["app"]

FOLDER = Path(os.environ["STOPS_FOLDER"])


def reach(job: object, boundary: str) -> None:
    """Come to it; perhaps no further."""
    path = FOLDER / str(job)
    with path.open("a") as file:
        file.write(f"{boundary}\n")
    stop = path.with_suffix(".stop")
    if stop.exists() and stop.read_text() == boundary:
        stop.rename(path.with_suffix(".stopped"))
        os._exit(1)


def name_of(job: object, ask: Any) -> str:
    """Of an ask, the same in each run that asks it."""
    if isinstance(ask, Record):
        step = ask.steps[-1]  # others go along with it, at times
        return f"record {step.place}{'' if step.done else ' open'}"
    if isinstance(ask, Spawn):
        return f"spawn {ask.step.place}"
    if isinstance(ask, Collect):
        return f"collect {ask.place}"
    path = FOLDER / str(job)
    return f"recall {path.read_text().count('before recall') if path.exists() else 0}"


_ask, _checked, _end = Session.ask, Session.checked, Strand.end
_record, _record_async = stepping.record, stepping.record_async
_transaction, _async_transaction = stepping.transaction, stepping.async_transaction


class Named:
    """The ticket of an ask that notes which answer is its own: they come in any order."""

    def __init__(self, ticket: Any, name: str, names: dict[int, str]) -> None:
        self._ticket, self._name, self._names = ticket, name, names

    def _noted(self, answer: Any) -> Any:
        self._names[id(answer)] = self._name
        return answer

    def wait(self) -> Any:
        return self._noted(self._ticket.wait())

    def __await__(self) -> Generator[Any, Any, Any]:
        answer = yield from self._ticket.__await__()
        return self._noted(answer)


def ask(self: Any, what: Any) -> Any:
    name = name_of(self.id, what)
    reach(self.id, f"before {name}")
    ticket = _ask(self, what)
    reach(self.id, f"after {name}")
    return Named(ticket, name, self.__dict__.setdefault("names", {}))


def checked(self: Any, answer: Any) -> Any:
    kept = _checked(self, answer)
    reach(self.id, f"answered {self.names.pop(id(answer))}")
    return kept


def end(self: Any) -> None:
    reach(self.session.id, "before end")
    _end(self)
    reach(self.session.id, "after end")


def record(conn: Any, step: Any) -> None:
    reach(step.job_id, "before own record")
    _record(conn, step)
    reach(step.job_id, "before commit")


async def record_async(conn: Any, step: Any) -> None:
    reach(step.job_id, "before own record")
    await _record_async(conn, step)
    reach(step.job_id, "before commit")


@contextmanager
def transaction(conn: Any) -> Iterator[None]:
    with _transaction(conn):
        yield
    reach(current_job().id, "after commit")


@asynccontextmanager
async def async_transaction(conn: Any) -> AsyncIterator[None]:
    async with _async_transaction(conn):
        yield
    reach(current_job().id, "after commit")


Session.ask, Session.checked, Strand.end = ask, checked, end  # type: ignore[assignment, method-assign]
stepping.record, stepping.record_async = record, record_async
stepping.transaction, stepping.async_transaction = transaction, async_transaction
