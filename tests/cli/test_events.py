"""`events` on a real database."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime

import msgspec
import psycopg

from runtime.cli.events import _line
from runtime.event import Event
from tests.cli.conftest import Cli
from tests.support.sessions import query

BOUND_SECONDS = 20.0


def test_a_death_is_printed_with_its_process_and_how_it_ended() -> None:
    event = Event("failed", datetime(2026, 1, 1, tzinfo=UTC), "q", uuid.UUID(int=1), "k")
    event = msgspec.structs.replace(event, error="ChildDied", pid=7)
    killed = _line(msgspec.structs.replace(event, signal="SIGKILL"))
    assert killed.endswith(": ChildDied (pid 7, SIGKILL)")
    left = _line(msgspec.structs.replace(event, exit_status=0))
    assert left.endswith(": ChildDied (pid 7, exit status 0)")
    assert _line(event).endswith(": ChildDied")


def test_events_are_printed_as_they_come(on: Cli, migrated_url: str) -> None:
    added = on("enqueue", "k").out.strip()
    other = on("enqueue", "other").out.strip()

    def happen() -> None:
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            asked = "SELECT FROM headrace.subscriber"
            while connection.execute(asked).fetchone() is None:
                assert not over.wait(0.01)
            for job_id in (other, added):
                connection.execute(
                    "UPDATE headrace.job SET state = 'cancelled', finalized_at = now()"
                    " WHERE id = %s",
                    [job_id],
                )
                connection.execute("SELECT headrace.notify_finished(ARRAY[%s::uuid])", [job_id])

    for flags in ((), ("--json",)):
        over = threading.Event()
        thread = threading.Thread(target=happen)
        thread.start()
        try:
            out = on("events", "cancelled", "--kind", "k", "--limit", 1, *flags).out
        finally:
            over.set()
            thread.join()
        if flags:
            event = json.loads(out)
            assert (event["event"], event["job_id"], event["kind"]) == ("cancelled", added, "k")
        else:
            assert f"cancelled default k {added} attempt 0/25" in out
    assert query(migrated_url, "SELECT FROM headrace.subscriber") == []
