"""`client.schedules`: schedules at run time, from sync and async code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from runtime import (
    App,
    ArgsInvalid,
    Client,
    ScheduleExists,
    ScheduleNotFound,
    TrioClient,
    UnknownKind,
    UsageError,
    cron,
    every,
)
from runtime.codec import AesGcm
from runtime.lifecycle import JobState
from runtime.retention import Kept
from runtime.timing import Timing
from tests.support.sessions import query

app = App()


@app.job(queue="reports", priority=2)
def report(days: int, title: str = "") -> None: ...


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    query(url, "DELETE FROM headrace.schedule")
    with Client(app, url) as client:
        yield client


def test_a_schedule_is_created_shown_changed_and_deleted(client: Client) -> None:
    nightly = cron("0 3 * * *", timezone="Europe/Berlin", catch_up="skip", overlap=False)
    made = client.schedules.create("nightly", nightly, report.with_options(tags=["a"]), days=1)
    assert made == client.schedules.get("nightly")
    assert (made.kind, made.queue, made.priority) == ("report", "reports", 2)
    assert (made.args, made.tags, made.in_code) == ({"days": 1}, ("a",), False)
    assert (made.cron, made.timezone, made.catch_up) == ("0 3 * * *", "Europe/Berlin", 0)
    assert made.overlap is False
    assert made.next_at == nightly.after(made.updated_at)

    changed = client.schedules.update("nightly", every(60, catch_up="all"))
    assert (changed.cron, changed.interval_seconds, changed.catch_up) == (None, 60.0, 1000)
    assert changed.args == {"days": 1}
    changed = client.schedules.update("nightly", None, report, 7, title="week")
    assert (changed.args, changed.tags) == ({"days": 7, "title": "week"}, ())
    assert changed.interval_seconds == 60.0
    assert client.schedules.list() == [changed]
    assert client.schedules.list(after="nightly") == []

    client.schedules.delete("nightly")
    assert client.schedules.list() == []


def test_pause_resume_and_the_next_firings(client: Client) -> None:
    client.schedules.create("tick", every(3600), report, days=1)
    first, second = client.schedules.next("tick", 2)
    assert second - first == timedelta(hours=1)
    assert timedelta(minutes=59) < first - datetime.now(UTC) < timedelta(minutes=61)

    paused = client.schedules.pause("tick")
    assert paused.paused_at is not None
    assert paused.next_at is None
    assert client.schedules.pause("tick").paused_at == paused.paused_at
    assert len(client.schedules.next("tick", 3)) == 3
    resumed = client.schedules.resume("tick")

    assert resumed.paused_at is None
    assert resumed.next_at is not None


def test_trigger_adds_a_job_at_once(client: Client) -> None:
    client.schedules.create("tick", every(3600), report, days=1)
    client.schedules.pause("tick")

    job = client.get(client.schedules.trigger("tick"))

    assert (job.kind, job.queue, job.state, job.args) == (
        "report",
        "reports",
        JobState.AVAILABLE,
        {"days": 1},
    )
    assert (job.metadata["schedule"], job.metadata["triggered"]) == ("tick", True)
    assert client.schedules.get("tick").last_job_id == job.id


def test_what_cannot_be_is_refused_with_nothing_written(client: Client) -> None:
    client.schedules.create("tick", every(60), report, days=1)
    with pytest.raises(ScheduleExists):
        client.schedules.create("tick", every(5), report, days=1)
    with pytest.raises(ArgsInvalid):
        client.schedules.create("other", every(5), report)
    with pytest.raises(UnknownKind):
        client.schedules.create("other", every(5), "nothing")
    with pytest.raises(UsageError, match=r"cron\(...\) or every"):
        client.schedules.create("other", "* * * * *", report, days=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="name of 1 to 127"):
        client.schedules.create("", every(5), report, days=1)
    with pytest.raises(UsageError, match="give it, too"):
        client.schedules.update("tick", None, None, 5)
    with pytest.raises(UsageError, match="number of firings"):
        client.schedules.next("tick", 0)
    for ask in (
        client.schedules.get,
        client.schedules.delete,
        client.schedules.pause,
        client.schedules.resume,
        client.schedules.trigger,
        client.schedules.next,
    ):
        with pytest.raises(ScheduleNotFound):
            ask("nowhere")
    with pytest.raises(ScheduleNotFound):
        client.schedules.update("nowhere", every(5))

    assert [each.interval_seconds for each in client.schedules.list()] == [60.0]


async def test_the_same_from_trio(url: str, client: Client) -> None:
    timing: Timing = every(60)
    async with TrioClient(app, url) as trio_client:
        schedules = trio_client.schedules
        made = await schedules.create("tick", timing, report, days=1)
        assert [each.name for each in await schedules.list()] == ["tick"]
        assert (await schedules.get("tick")) == made
        assert (await schedules.update("tick", every(5))).interval_seconds == 5.0
        assert (await schedules.pause("tick")).paused_at is not None
        assert (await schedules.resume("tick")).paused_at is None
        assert len(await schedules.next("tick", 4)) == 4
        assert (await trio_client.get(await schedules.trigger("tick"))).kind == "report"
        await schedules.delete("tick")
        assert await schedules.list() == []


def test_a_queue_says_how_long_it_keeps_its_jobs(client: Client, url: str) -> None:
    try:
        client.queues.keep("media", completed=60, discarded=0)
        assert client.queues.kept() == {"media": Kept(completed=60, discarded=0)}
        with pytest.raises(UsageError, match="completed is 0 to"):
            client.queues.keep("media", completed=-1)
        with pytest.raises(UsageError, match="is none"):
            client.queues.keep("*", completed=1)
        client.queues.keep("media")
        assert client.queues.kept() == {}
    finally:
        query(url, "DELETE FROM headrace.queue")


def test_sealed_args_are_kept_sealed_and_shown_open(client: Client, url: str) -> None:
    secret = App(codec=AesGcm({"2026": bytes(32)}))

    @secret.job
    def visit(patient: str) -> None: ...

    with Client(secret, url) as keeper:
        made = keeper.schedules.create("visits", every(60), visit, patient="Curie")
        assert made.args == {"patient": "Curie"}
        job = keeper.get(keeper.schedules.trigger("visits"))
        assert job.args == {"patient": "Curie"}

    assert "Curie" not in str(client.schedules.get("visits"))
