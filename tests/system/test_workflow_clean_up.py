"""Workflows that clean up when they are cancelled, or their deadline comes; and jobs held back."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.processes import wait_for
from tests.system import undoing_jobs as jobs
from tests.system.site import Site

APP = "tests.system.undoing_jobs:app"
UNDONE = ["undo: enough", "undone"]


@pytest.fixture(scope="module")
def site(shared_site: Site) -> Site:
    """With one node for all tests here."""
    shared_site.serve(APP, workers=4, kill_grace_seconds=0.5)
    return shared_site


class Trips:
    """Workflows under way, each with its file."""

    def __init__(self, site: Site, directory: Path) -> None:
        self.site, self._directory = site, directory
        self.gate = str(directory / "opened")
        self.paths: dict[str, Path] = {}
        self.ids: dict[str, UUID] = {}

    def begin(self, how: str, workflow: object = jobs.trip, **options: object) -> UUID:
        """One, and its file."""
        name = how if workflow is jobs.trip else f"async {how}"
        path = self.paths[name] = self._directory / name.replace(" ", "-")
        path.touch()
        made = workflow.with_options(**options)  # type: ignore[attr-defined]
        (self.ids[name],) = self.site.add(made.new_job(path=str(path), gate=self.gate, how=how))
        return self.ids[name]

    def told(self, name: str) -> list[str]:
        """What it did."""
        return self.paths[name].read_text().splitlines()

    def wait_for(self, name: str, word: str) -> None:
        """Until it has done that."""
        wait_for(lambda: any(word in each for each in self.told(name)), lambda: name, 30)


def test_cancelled_workflows_undo_what_they_did_in_their_own_time(
    site: Site, tmp_path: Path
) -> None:
    trips = Trips(site, tmp_path)
    waiting = ("signal", "sleep", "children", "trip")
    for how in (*waiting, "gate", "stubborn"):
        trips.begin(how)
    for how in ("gate", "signal"):
        trips.begin(how, jobs.async_trip)
    trips.wait_for("gate", "at-gate")
    trips.wait_for("stubborn", "stubborn")
    trips.wait_for("async gate", "at-gate")
    trips.wait_for("children", "child")
    wait_for(lambda: trips.told("trip").count("book") == 2, lambda: str(site.states()), 30)
    (inner,) = site.query("SELECT id FROM job WHERE parent_id = %s", trips.ids["trip"])[0]
    site.wait_state(inner, "pending")
    for how in waiting:
        site.wait_state(trips.ids[how], "scheduled" if how == "sleep" else "pending")
    site.wait_state(trips.ids["async signal"], "pending")
    for job_id in trips.ids.values():
        assert site.client.cancel(job_id, "enough").cancel_requested_at is not None
    begun = time.monotonic()
    trips.wait_for("gate", "undo: enough")
    assert time.monotonic() - begun < 5, "its step was interrupted; nobody opened the gate"
    site.client.cancel(trips.ids["signal"], "once more")
    for name, job_id in trips.ids.items():
        assert site.wait_state(job_id, "cancelled").output == ("well" if name == "sleep" else None)
        told = [each for each in trips.told(name) if not each.startswith(("at-gate", "child"))]
        told = [each for each in told if each not in ("stubborn", "told")]
        if name == "trip":  # its child, which writes into the same file, cleans up, too
            site.wait_state(inner, "cancelled")
            told = trips.told(name)
            assert sum(each.startswith("undo: nobody waits for it") for each in told) == 1
            assert told.count("undo: enough") == 1
            assert told.count("undone") == 2
            continue
        assert told == ["book", *UNDONE], name
    assert site.query("SELECT count(*) FROM job WHERE finalized_at IS NULL") == [(0,)]
    killed = [each.signal for each in site.failures(trips.ids["stubborn"]) if each.signal]
    assert killed == ["SIGKILL"], "the step was killed; the clean-up was not"
    assert all(not each.signal for each in site.failures(trips.ids["gate"]))


def test_force_ends_it_at_once(site: Site, tmp_path: Path) -> None:
    trips = Trips(site, tmp_path)
    trips.begin("signal")
    site.wait_state(trips.ids["signal"], "pending")
    assert site.client.cancel(trips.ids["signal"], force=True).state.value == "cancelled"
    trips.begin("gate")
    trips.wait_for("gate", "at-gate")
    site.client.cancel(trips.ids["gate"], force=True)
    site.wait_state(trips.ids["gate"], "cancelled")
    assert trips.told("signal") == ["book"]
    assert [each for each in trips.told("gate") if "undo" in each] == []


def test_a_deadline_is_one_of_the_whole_workflow(site: Site, tmp_path: Path) -> None:
    trips = Trips(site, tmp_path)
    path = tmp_path / "naps"
    path.touch()
    (plain,) = site.add(jobs.naps.with_options(expires_in=2).new_job(path=str(path), seconds=0.1))
    for how in ("signal", "children", "gate"):
        trips.begin(how, expires_in=2)
    trips.wait_for("gate", "at-gate")
    begun = time.monotonic()
    for job_id in (plain, *trips.ids.values()):
        site.wait_state(job_id, "discarded")
        assert site.failures(job_id)[-1].error_class == "Expired"
    assert time.monotonic() - begun < 10
    for name in trips.ids:
        told = [each for each in trips.told(name) if not each.startswith(("at-gate", "child"))]
        assert told == ["book", "undo: its deadline (expires_at) came", "undone"]
    (child,) = site.query("SELECT id FROM job WHERE parent_id = %s", trips.ids["children"])[0]
    site.wait_state(child, "cancelled")


def test_nothing_but_resume_has_a_paused_workflow_go_on(site: Site, tmp_path: Path) -> None:
    path, file = tmp_path / "counts", tmp_path / "naps"
    path.touch()
    file.touch()
    (counting,) = site.add(jobs.counts.new_job(path=str(path), count=100))
    (napping,) = site.add(jobs.naps.new_job(path=str(file), seconds=0.3))
    wait_for(lambda: "3" in path.read_text(), lambda: str(site.states()), 20)
    for job_id in (counting, napping):
        assert site.client.pause_job(job_id).paused_at is not None
        site.wait_state(job_id, "pending")
    done = path.read_text()
    assert 3 < len(done.split()) < 100, "it stopped between two steps"
    time.sleep(0.5)
    site.client.send_signal(napping, "go", 1)
    site.client.retry(napping)
    time.sleep(0.2)
    assert (path.read_text(), file.read_text()) == (done, "")
    assert site.job(napping).state == "pending"
    for job_id in (counting, napping):
        assert site.client.resume_job(job_id).paused_at is None
    assert site.wait_state(napping, "completed").output == 1
    assert site.wait_state(counting, "completed").output == 100
    assert path.read_text().split() == [str(number) for number in range(100)]
