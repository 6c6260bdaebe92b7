"""A node by hand: claims and acks with the Store's own statements, one job at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

from runtime import sql

_USED = [[None]] * 3  # what a run used is not known


def padded(name: str, values: list[Any]) -> list[Any]:
    """What a statement takes of one job, with NULL for what is not given."""
    text = sql.load(name)
    most = max(number for number in range(1, 40) if f"${number}" in text)
    return [*values, *([[None]] * (most - len(values)))]


class NodeByHand:
    """Runs jobs of the queue `default`. Make it with `node_by_hand`."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        self._cursor = psycopg.RawCursor(conn)
        ((self._id,),) = self._run(
            "join", ["hand", "host", "boot", 1, "0", "0", ["default"], 1, 3600.0]
        )

    def _run(self, name: str, values: list[Any]) -> list[tuple[Any, ...]]:
        return self._cursor.execute(sql.load(name), values).fetchall()

    def claim(self, kind: str) -> tuple[UUID, int]:
        """Claim one job: its id and run number."""
        (row,) = self._run("claim", [self._id, ["default"], ["{" + kind + "}"], [1], [None]])
        return row[0], row[1]

    def complete(self, run: tuple[UUID, int], output: str | None) -> None:
        """Ack a run that completed."""
        (row,) = self._run("ack_completed", [[run[0]], [run[1]], [output], *_USED])
        assert row[0] == 1

    def discard(self, run: tuple[UUID, int], error_class: str, message: str) -> None:
        """Ack a run that gave its job up."""
        failure = [[error_class], [message], ["trace"], [None], [None], [None]]
        values = [[run[0]], [run[1]], ["discarded"], [0.0], [True], [None], *failure]
        (row,) = self._run("ack", padded("ack", values))
        assert row[0] == 1

    def waited_for(self, job_id: UUID) -> bool:
        """Whether somebody has asked to be told of the job's end."""
        found = self.conn.execute("SELECT FROM waiter WHERE job_id = %s", [job_id])
        return found.fetchone() is not None

    def do(self, kind: str, output: str | None = None) -> UUID:
        """Claim a job and complete it."""
        run = self.claim(kind)
        self.complete(run, output)
        return run[0]


@contextmanager
def node_by_hand(url: str, namespace: str = "headrace") -> Iterator[NodeByHand]:
    """A node, for as long as the block lasts."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f'SET search_path = "{namespace}", pg_catalog'.encode())
        yield NodeByHand(conn)
