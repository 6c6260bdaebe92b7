"""What a run tells is seen while it goes on, and after; cancellation reaches it within 100 ms."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runtime import JobState, NewJob
from tests.support.processes import wait_for
from tests.system import telling_jobs as jobs
from tests.system.site import ROW_SECONDS, Site

APP = "tests.system.telling_jobs:app"
TRIALS = 5
GRACE_SECONDS = 2.0


@pytest.fixture(scope="module")
def telling(shared_site: Site) -> Site:
    """A site with a node that serves, for all tests here."""
    shared_site.serve(APP, kill_grace_seconds=GRACE_SECONDS)
    return shared_site


def test_what_a_run_tells_is_seen_while_it_goes_on(telling: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (job_id,) = telling.add(jobs.tells.new_job(gate=str(gate)))
    updates, texts = [], []
    for update in telling.client.follow(job_id):
        updates.append(update)
        texts += [f"{line.level} {line.logger}: {line.text}" for line in update.lines]
        at_the_gate = "INFO telling: at the gate" in texts and update.stored is not None
        if at_the_gate and not gate.exists():
            assert update.state is JobState.RUNNING
            assert (update.progress, update.message) == (0.5, "half of it")
            assert update.stored == {"rows": [1, 2, 3]}
            gate.touch()
    assert gate.exists()
    assert texts == ["INFO telling: at the gate", "WARNING telling: through the gate"]
    last = updates[-1]
    assert (last.state, last.progress, last.message) == (JobState.COMPLETED, 1.0, "half of it")

    # Afterwards, too, by the command line.
    shown = _headrace(telling, "job", "show", str(job_id))
    assert "progress 100% half of it" in shown
    assert 'stored {"rows":[1,2,3]}' in shown
    assert "WARNING telling: through the gate" in shown
    assert _log(telling, job_id) == ["at the gate", "through the gate"]


def _headrace(site: Site, *arguments: str) -> str:
    command = [sys.executable, "-m", "runtime", *arguments, "--database-url", site.url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "handler",
    [jobs.returns_when_cancelled, jobs.returns_when_cancelled_async],
    ids=lambda h: h.kind,
)
def test_a_running_handler_is_told_at_once_and_its_job_stays_cancelled(
    telling: Site, tmp_path: Path, handler: Any
) -> None:
    """The best of some trials, since the machine may be busy with other things meanwhile."""
    took = [
        _told_after(telling, tmp_path / str(trial), handler, f"reason {trial}")
        for trial in range(TRIALS)
    ]
    assert min(took) < 0.1, took


def test_a_handler_that_does_not_listen_is_killed_after_its_grace(
    telling: Site, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    (job_id,) = telling.add(jobs.is_deaf.new_job(begun=str(begun)))
    wait_for(begun.exists, lambda: "it does not begin", ROW_SECONDS)
    asked = time.monotonic()
    telling.client.cancel(job_id, "no use")
    assert telling.wait_state(job_id, "cancelled").attempt == 1
    assert time.monotonic() - asked >= GRACE_SECONDS
    (failure,) = telling.failures(job_id)
    assert (failure.error_class, failure.signal) == ("JobCancelled", "SIGKILL")
    assert "in is_deaf" in failure.trace


def _told_after(site: Site, begun: Path, handler: Any, reason: str) -> float:
    job: NewJob = handler.new_job(begun=str(begun))
    (job_id,) = site.add(job)
    wait_for(begun.exists, lambda: "it does not begin", ROW_SECONDS)
    asked_ns = time.monotonic_ns()
    site.client.cancel(job_id, reason)
    site.wait_final([job_id])
    shown = site.client.get(job_id)
    assert shown.state is JobState.CANCELLED, "whatever its handler returned"
    assert shown.cancel_reason == reason
    assert shown.output is not None
    told = reason if handler is jobs.returns_when_cancelled else "cancel"
    assert _log(site, job_id) == [f"told: {told}"]
    return (int(shown.output) - asked_ns) / 1e9


def _log(site: Site, job_id: UUID) -> list[str]:
    (update,) = site.client.follow(job_id)
    return [line.text for line in update.lines]
