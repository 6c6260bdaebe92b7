"""What becomes of runs that fail: by exception type, by hooks, by crash budget, by deadline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from runtime import NewJob
from tests.support.node import Node
from tests.system import bounded_jobs as jobs
from tests.system.site import FailureSeen, JobSeen, Site


@pytest.fixture(scope="module", autouse=True)
def node(shared_site: Site) -> Node:
    return shared_site.serve("tests.system.bounded_jobs:app", kill_grace_seconds=0.5)


@pytest.fixture
def site(shared_site: Site) -> Site:
    return shared_site


def _end(site: Site, *wanted: NewJob) -> list[tuple[JobSeen, list[FailureSeen]]]:
    ids = site.add(*wanted)
    return [(row, site.failures(row.id)) for row in site.wait_final(ids)]


def _column(site: Site, job_id: UUID, name: str) -> object:
    ((value,),) = site.query(f"SELECT {name} FROM job WHERE id = %s", job_id)
    return value


def test_errors_are_retried_or_not_by_their_type(site: Site) -> None:
    ended = _end(
        site,
        jobs.picky.new_job(error="TimeoutError"),  # an OSError
        jobs.picky.new_job(error="ValueError"),
        jobs.stern.new_job(error="KeyError"),  # a LookupError
        jobs.stern.new_job(error="RuntimeError"),
        jobs.by_type.new_job(error="OSError"),
    )

    assert {row.state for row, _ in ended} == {"discarded"}
    assert [row.attempt for row, _ in ended] == [3, 1, 1, 3, 3]
    assert [len(failures) for _, failures in ended] == [3, 1, 1, 3, 3]
    for _, failures in ended:
        assert all(each.pid is not None for each in failures), "who ran it is told"


def test_the_nearest_type_chooses_the_backoff(site: Site) -> None:
    (job_id,) = site.add(jobs.by_type.new_job(error="TimeoutError"))

    row = site.wait_state(job_id, "retryable")

    assert row.attempt == 1
    ((waits,),) = site.query("SELECT scheduled_at - now() FROM job WHERE id = %s", job_id)
    assert waits > timedelta(minutes=50)


def test_a_hook_is_told_of_each_error_and_may_decide(site: Site, tmp_path: Path) -> None:
    told = tmp_path / "told"
    with_path = jobs.hooked.with_options(metadata={"told": str(told)})
    (given_up, why), (snoozed, history), (broken, noted) = _end(
        site,
        with_path.new_job(error="KeyError"),
        with_path.new_job(error="TimeoutError"),
        with_path.new_job(error="RuntimeError"),
    )

    assert (given_up.state, given_up.run_number) == ("discarded", 1)
    assert "a key will not appear" in why[0].trace
    assert (snoozed.run_number, snoozed.attempt) == (2, 1), "the snooze was not counted"
    assert [each.run_number for each in history] == [1, 2], "and yet its error is kept"
    assert (broken.state, broken.attempt) == ("discarded", 1)
    assert "in the hook" in noted[0].trace
    assert noted[0].error_class == "RuntimeError"
    # The app's hook is asked where the handler's own has not decided.
    assert sorted(told.read_text().splitlines()) == [
        "hooked 1 RuntimeError",
        "hooked 1 TimeoutError",
    ]


def test_a_job_that_kills_its_process_again_and_again_is_quarantined(site: Site) -> None:
    (looping, failures), (at_once, single), (fine, _) = _end(
        site,
        jobs.kills_itself.new_job(),
        jobs.exits_once.new_job(),
        jobs.burns.new_job(seconds=0.0),
    )

    assert (looping.state, looping.attempt, looping.max_attempts) == ("discarded", 3, 25)
    assert [each.error_class for each in failures] == ["ChildDied", "ChildDied", "Quarantined"]
    assert "3 of its runs have killed their process (max_crashes is 3)" in failures[2].message
    assert (failures[2].signal, failures[2].pid is not None) == ("SIGKILL", True)
    assert _column(site, looping.id, "crashes") == 3
    assert (at_once.attempt, single[0].error_class) == (1, "Quarantined")
    assert fine.state == "completed"


def test_events_tell_how_a_run_died_that_no_hook_can_hear_of(site: Site, tmp_path: Path) -> None:
    told = tmp_path / "told"
    dying = jobs.dies_hooked.with_options(metadata={"told": str(told)})
    with site.client.events("failed", "discarded", kinds=["dies_hooked"]) as events:
        ended = _end(site, dying.new_job(how="SIGSEGV"), dying.new_job(how="7"))
        heard = [events.next(10) for _ in range(4)]

    assert not told.exists(), "its process is gone, and with it whoever could call the hook"
    for row, failures in ended:
        deaths = [event for event in heard if event is not None and event.job_id == row.id]
        assert [event.event for event in deaths] == ["failed", "discarded"]
        for event, failure in zip(deaths, failures, strict=True):
            assert event.pid is not None
            assert (event.error, event.pid, event.exit_status, event.signal) == (
                failure.error_class,
                failure.pid,
                failure.exit_status,
                failure.signal,
            )
    assert ended[0][1][0].signal == "SIGSEGV"
    assert ended[1][1][0].exit_status == 7


def test_a_quarantined_job_that_is_retried_by_hand_has_its_budget_again(site: Site) -> None:
    ((row, _),) = _end(site, jobs.kills_itself.new_job())

    done = site.client.dead.retry(row.id)
    assert done.changed == 1
    again = site.wait_state(row.id, "discarded")

    assert (again.run_number, _column(site, row.id, "crashes")) == (6, 3)


def test_a_run_that_goes_past_its_jobs_deadline_is_stopped_and_discarded(site: Site) -> None:
    job = jobs.lasts.with_options(expires_in=0.5, max_attempts=5).new_job(seconds=600)
    ((row, failures),) = _end(site, job)

    assert (row.state, row.attempt) == ("discarded", 1)
    assert [each.error_class for each in failures] == ["Expired"]
    assert "in lasts" in failures[0].trace


def test_a_job_past_its_deadline_is_not_begun(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "noted"
    job = jobs.narrow.with_options(expires_in=0.01, delay=0.3)
    ((row, failures),) = _end(site, job.new_job(path=str(path), seconds=0))

    assert (row.state, [each.error_class for each in failures]) == ("discarded", ["Expired"])
    assert not path.exists()


def test_a_step_that_hangs_in_c_is_killed_after_its_timeout(site: Site) -> None:
    ((row, failures),) = _end(site, jobs.hanging_step.new_job())

    assert (row.state, row.output, row.attempt) == ("completed", "through", 2)
    (failure,) = failures
    assert (failure.error_class, failure.signal) == ("StepTimeout", "SIGKILL")
    assert "hang_in_c_once" in failure.trace
    assert _column(site, row.id, "crashes") == 1
