"""Sealed args and outputs in a real database: stored as envelopes, read in clear, keys rotated."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from runtime import App, Client, every, sql
from runtime.child.context import JobContext
from runtime.child.notebook import NOBODY
from runtime.codec import AesGcm, Compress
from runtime.codec.sealer import Sealer
from runtime.errors import CodecError, UsageError
from runtime.testing import assert_enqueued, drain, refute_enqueued
from runtime.unique import Unique
from runtime.wire import Noted, Run
from tests.client.jobs import rows
from tests.client.node import node_by_hand

KEYS = {"2025": bytes(range(32)), "2026": bytes(range(1, 33))}


def app_of(*codecs: Any) -> App:
    app = App(codec=codecs)

    @app.job
    def mail(to: str, text: str = "") -> dict[str, str]:
        return {"sent to": to}

    return app


@pytest.fixture
def app() -> App:
    return app_of(AesGcm({"2025": KEYS["2025"]}))


def stored(url: str, field: str = "args") -> list[Any]:
    return [value for (value,) in rows(url, f"SELECT {field} FROM headrace.job ORDER BY id")]


def test_the_database_holds_envelopes_and_programs_with_the_key_read_them(
    app: App, url: str
) -> None:
    mail = app.handler("mail")
    with Client(app, url) as client, Client(url=url) as stranger:
        job = client.enqueue(mail, to="zoe@example.org")
        (args,) = stored(url)
        assert args.keys() == {"$codec", "kid", "aad", "data"}
        assert "zoe" not in json.dumps(args)

        assert drain(app, url).completed == 1

        assert stored(url, "output")[0]["$codec"] == "aesgcm"
        assert job.result(timeout=20) == {"sent to": "zoe@example.org"}
        assert client.result(job.id, timeout=20) == {"sent to": "zoe@example.org"}
        shown = client.get(job.id)
        assert (shown.args["to"], shown.output) == (
            "zoe@example.org",
            {"sent to": "zoe@example.org"},
        )
        assert stranger.get(job.id).args == args
        with pytest.raises(CodecError, match="needs the codec 'aesgcm'"):
            stranger.result(job.id, timeout=20)


def test_what_others_enqueue_in_clear_runs(app: App, url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("SELECT headrace.enqueue('mail', '{\"to\": \"a\"}')")

    assert drain(app, url).completed == 1


def test_a_job_is_found_by_its_args_as_they_were(app: App, url: str) -> None:
    mail = app.handler("mail")
    with psycopg.connect(url) as conn:
        mail.enqueue(conn, to="a")
        (found,) = assert_enqueued(conn, mail, to="a")
        assert found.args == {"to": "a"}
        refute_enqueued(conn, mail, to="b")


def test_jobs_are_unique_by_their_args_as_they_were(app: App, url: str) -> None:
    once = app.handler("mail").with_options(unique=Unique())
    newest = app.handler("mail").with_options(unique=Unique(args=("to",), on_conflict="replace"))
    with Client(app, url) as client:
        assert client.enqueue(once, to="a").inserted
        assert not client.enqueue(once, to="a").inserted
        job = client.enqueue(newest, to="b", text="old")
        client.enqueue(newest, to="b", text="new")
        assert client.get(job.id).args["text"] == "new"

    assert drain(app, url).completed == 2


def test_args_of_another_job_do_not_open_and_keep_the_job(app: App, url: str) -> None:
    with Client(app, url) as client:
        first, second = (client.enqueue(app.handler("mail"), to=name) for name in "ab")
        rows(
            url,
            "UPDATE headrace.job SET args = (SELECT args FROM headrace.job WHERE id = %s)"
            " WHERE id = %s RETURNING id",
            first.id,
            second.id,
        )
        drained = drain(app, url)

        assert (drained.completed, drained.snoozed) == (1, 1)
        kept = client.get(second.id)
        assert (kept.state.value, kept.attempt) == ("scheduled", 0)
        assert kept.failures[0].error_class == "CodecError"
        assert "another job's" in kept.failures[0].message


def test_a_missing_key_keeps_the_job_until_it_is_there(app: App, url: str) -> None:
    without = app_of(AesGcm({"2026": KEYS["2026"]}))
    with Client(app, url) as client:
        job = client.enqueue(app.handler("mail").with_options(max_attempts=1), to="a")

        for _ in range(2):
            assert drain(without, url, with_scheduled=True).snoozed == 1
        kept = client.get(job.id)
        assert (kept.state.value, kept.attempt, len(kept.failures)) == ("scheduled", 0, 2)
        assert "needs the key '2025', which is missing; there is: 2026" in kept.failures[0].message

        assert drain(app, url, with_scheduled=True).completed == 1


def test_rotation_leaves_nothing_of_the_old_key(app: App, url: str) -> None:
    both = app_of(Compress(least_bytes=50), AesGcm(KEYS, current="2026"))
    mail = app.handler("mail")
    with Client(app, url) as client:
        jobs = [client.enqueue(mail, to=str(number), text="x" * 100) for number in range(5)]
        client.enqueue(mail.with_options(delay=60), to="later")
    drain(app, url)

    with Client(both, url) as client:
        done = client.codec.rotate(page_jobs=2)
        assert (done.jobs, done.args, done.outputs, done.unreadable) == (6, 6, 5, 0)
        assert {args["kid"] for args in stored(url)} == {"2026"}
        assert stored(url)[0]["$codec"] == "zlib+aesgcm"
        again = client.codec.rotate()
        assert (again.jobs, again.args, again.outputs) == (6, 0, 0)

    only_new = app_of(AesGcm({"2026": KEYS["2026"]}))
    with Client(only_new, url) as client:
        assert client.result(jobs[0].id, timeout=20) == {"sent to": "0"}
        assert drain(only_new, url, with_scheduled=True).completed == 1
    with Client(app, url) as client:
        done = client.codec.rotate()
        assert (done.args, done.unreadable) == (0, 12)
        assert "needs the key '2026'" in done.first_error
    with Client(url=url) as client, pytest.raises(UsageError, match="has no codec"):
        client.codec.rotate()


def test_a_schedules_args_are_for_each_of_its_jobs(app: App, url: str) -> None:
    both = app_of(AesGcm(KEYS, current="2026"))
    with Client(app, url) as client:
        client.schedules.create("mails", every(60), app.handler("mail"), to="a")
        client.schedules.trigger("mails")
        with Client(both, url) as newer:
            assert newer.codec.rotate().schedules == 1
            newer.schedules.trigger("mails")
        client.schedules.delete("mails")

    assert [args["kid"] for args in stored(url)] == ["2026", "2026"]
    assert drain(both, url).completed == 2


def test_what_a_run_stores_is_sealed_too(app: App, url: str) -> None:
    told: list[str] = []

    class Desk(type(NOBODY)):  # type: ignore[misc]
        def handler(self, kind: str) -> Any:
            return app.handler(kind)

        def post(self, frame: Noted) -> None:
            told.append(frame.note.stored or "")

    with Client(app, url) as client, Client(url=url) as stranger, node_by_hand(url) as node:
        job = client.enqueue(app.handler("mail"), to="a")
        run = node.claim("mail")
        frame = Run(1, 0, run[0].bytes, run[1], "mail", "default", "{}", 1, 25, "{}")
        JobContext(frame, Desk()).store({"to": "zoe@example.org"})
        assert "zoe" not in told[0]
        note = [[run[0]], [run[1]], [None], [None], told, [None], [0], [1]]
        psycopg.RawCursor(node.conn).execute(sql.load("note"), note)
        assert next(iter(client.follow(job))).stored == {"to": "zoe@example.org"}
        assert next(iter(stranger.follow(job))).stored["$codec"] == "aesgcm"


def test_rotation_reaches_what_workflows_keep(app: App, url: str) -> None:
    older = Sealer(AesGcm({"2025": KEYS["2025"]}))
    both = app_of(AesGcm(KEYS, current="2026"))
    with Client(app, url) as client:
        job = client.enqueue(app.handler("mail"), to="a").id
    step = older.seal("step", '{"b":1,"a":2}', "mail", None)
    with psycopg.connect(url, autocommit=True, options="-c search_path=headrace") as connection:
        for place in range(7):
            connection.execute(
                "INSERT INTO step (job_id, place, op, name, done, run_number, output)"
                " VALUES (%s, %s, 'step', 's', true, 1, %s)",
                [job, str(place), step if place else '["plain"]'],
            )
        connection.execute(
            "INSERT INTO published (job_id, key, value) VALUES (%s, 'k', %s)", [job, step]
        )
        for _ in range(3):
            signal = older.seal("signal", "7", "", job)
            connection.execute("SELECT send_signal(%s, 'go', %s::jsonb)", [job, signal])
        connection.execute(
            "SELECT emit_event('go', %s::jsonb)", [older.seal("event", "8", "", None)]
        )

    with Client(both, url) as client:
        done = client.codec.rotate(page_jobs=2)
        assert (done.workflows, done.unreadable) == (11, 0)
        assert client.codec.rotate(page_jobs=2).workflows == 0

    newer = Sealer(AesGcm({"2026": KEYS["2026"]}))
    texts = [
        str(text) for (text,) in rows(url, "SELECT output::text FROM headrace.step ORDER BY place")
    ]
    assert [newer.unseal("step", text, "mail", job) for text in texts] == [
        '["plain"]',
        *['{"b":1,"a":2}'] * 6,
    ]
    for table, field, value in (("signal", "signal", "7"), ("happening", "event", "8")):
        for (text,) in rows(url, f"SELECT value::text FROM headrace.{table}"):
            assert newer.unseal(field, str(text), "", job) == value
    with Client(app, url) as client:
        assert client.codec.rotate().unreadable == 12  # and the args
