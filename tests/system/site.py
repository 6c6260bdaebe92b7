"""A test's own site: a migrated database, the nodes that serve from it, and a look at the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import psycopg
from psycopg.rows import kwargs_row

from runtime import Client, NewJob
from tests.support.node import Node, Option
from tests.support.processes import wait_for

APP = "tests.system.jobs:app"
FINAL = ("completed", "cancelled", "discarded")
# Until a wait for rows fails the test; everything here takes a few seconds on an idle machine.
ROW_SECONDS = 60.0
# Between looks at many rows: each takes the database some milliseconds.
LOOK_SECONDS = 0.05


@attrs.frozen
class FailureSeen:
    """A row of the table `failure`."""

    run_number: int
    attempt: int
    error_class: str
    message: str
    trace: str
    node: str | None
    pid: int | None
    exit_status: int | None
    signal: str | None


@attrs.frozen
class JobSeen:
    """A row of the table `job`."""

    id: UUID
    kind: str
    state: str
    attempt: int
    max_attempts: int
    run_number: int
    output: Any
    node_id: int | None


class Site:
    """See the module's docstring. Every node that it has is stopped, and seen out, by `close`."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.client = Client(url=url)
        self.nodes: list[Node] = []
        self._directory = directory
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """Drain the nodes that still run; they must end well and leave no process behind."""
        self.client.close()
        if self._connection is not None:
            self._connection.close()
        running = [node for node in self.nodes if node.process.poll() is None]
        try:
            assert [node.stop() for node in running] == [0] * len(running)
        finally:
            for node in running:
                node.__exit__(None, None, None)

    def start_node(self, app: str = APP, through: str = "", /, **options: Option) -> Node:
        """Start a node, with two Workers and no HTTP unless told otherwise.

        `through`: the database's address for this node, if it is another one.
        """
        chosen: dict[str, Option] = {"workers": 2, "http": False, **options}
        log = self._directory / f"node-{len(self.nodes)}.log"
        node = Node(through or self.url, log, app, **chosen)
        self.nodes.append(node)
        return node

    def serve(self, app: str = APP, through: str = "", /, **options: Option) -> Node:
        """Start a node, and wait until it serves."""
        return self.start_node(app, through, **options).wait_started()

    # --- jobs in ----------------------------------------------------------------------------------

    def add(self, *jobs: NewJob) -> list[UUID]:
        """Enqueue jobs, all at once; their ids."""
        result = self.client.enqueue_many(jobs)
        assert result.inserted == len(jobs)
        return [job.id for job in jobs]

    # --- rows -------------------------------------------------------------------------------------

    def query(self, statement: str, *args: object) -> list[tuple[Any, ...]]:
        """Rows of a statement in the namespace; tried again if the server was restarted."""
        return self._execute(statement, args, None)

    def _execute(self, statement: str, args: tuple[object, ...], row: Any) -> list[Any]:
        for last_try in (False, True):
            try:
                with self._connect().cursor(row_factory=row) as cursor:
                    cursor.execute(statement.encode(), args or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._connection = None
                if last_try:
                    raise
        raise AssertionError("unreachable")

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self.url, autocommit=True, options="-c search_path=headrace"
            )
        return self._connection

    def jobs(self, ids: Iterable[UUID] | None = None) -> list[JobSeen]:
        """The rows of these jobs, in their order; of all."""
        columns = ", ".join(attrs.fields_dict(JobSeen))
        if ids is None:
            return self._execute(f"SELECT {columns} FROM job ORDER BY id", (), kwargs_row(JobSeen))
        wanted = list(ids)
        statement = f"SELECT {columns} FROM job WHERE id = ANY (%s)"
        rows = self._execute(statement, (wanted,), kwargs_row(JobSeen))
        by_id = {row.id: row for row in rows}
        return [by_id[job_id] for job_id in wanted]

    def job(self, job_id: UUID) -> JobSeen:
        """The row of a job."""
        return self.jobs([job_id])[0]

    def failures(self, job_id: UUID) -> list[FailureSeen]:
        """The failures of a job, oldest first."""
        columns = ", ".join(attrs.fields_dict(FailureSeen))
        statement = f"SELECT {columns} FROM failure WHERE job_id = %s ORDER BY run_number"
        return self._execute(statement, (job_id,), kwargs_row(FailureSeen))

    def states(self) -> Counter[str]:
        """How many jobs are in each state."""
        return Counter(dict(self.query("SELECT state::text, count(*) FROM job GROUP BY state")))

    def count(self, state: str) -> int:
        """How many jobs are in a state."""
        return self.states()[state]

    # --- waiting ----------------------------------------------------------------------------------

    def wait_state(self, job_id: UUID, *states: str, seconds: float = ROW_SECONDS) -> JobSeen:
        """Return the row once the job is in one of these states."""
        wait_for(
            lambda: self.job(job_id).state in states,
            lambda: f"{self.job(job_id)} is not {states}{self._logs()}",
            seconds,
        )
        return self.job(job_id)

    def wait_final(self, ids: Iterable[UUID], seconds: float = ROW_SECONDS) -> list[JobSeen]:
        """Return the rows once all these jobs have come to their end."""
        wanted = list(ids)
        wait_for(
            lambda: self._final(wanted) == len(wanted),
            lambda: (
                f"not all final: {[r for r in self.jobs(wanted) if r.state not in FINAL]}"
                + self._logs()
            ),
            seconds,
            every=LOOK_SECONDS,
        )
        return self.jobs(wanted)

    def _final(self, ids: list[UUID]) -> int:
        """How many of these jobs have come to their end."""
        statement = "SELECT count(*) FROM job WHERE id = ANY (%s) AND finalized_at IS NOT NULL"
        ((count,),) = self.query(statement, ids)
        return int(count)

    def wait_completed(self, count: int, seconds: float = ROW_SECONDS) -> None:
        """Return once at least so many jobs are completed."""
        wait_for(
            lambda: self.count("completed") >= count,
            lambda: f"{dict(self.states())}{self._logs()}",
            seconds,
            every=LOOK_SECONDS,
        )

    def _logs(self) -> str:
        return "".join(f"\n--- {node.log_file.name}\n{node.log[-8000:]}" for node in self.nodes)
