"""What runs may use, and what they did use, with real children."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest

from runtime import NewJob
from tests.support.node import Node
from tests.support.postgres import wait_until
from tests.system import bounded_jobs as jobs
from tests.system.site import FailureSeen, JobSeen, Site

USED = "wall_seconds, cpu_seconds, peak_rss_kib"


@pytest.fixture(scope="module", autouse=True)
def node(shared_site: Site) -> Node:
    return shared_site.serve("tests.system.bounded_jobs:app", kill_grace_seconds=0.5)


@pytest.fixture
def site(shared_site: Site) -> Site:
    return shared_site


def _end(site: Site, *wanted: NewJob) -> list[tuple[JobSeen, list[FailureSeen]]]:
    ids = site.add(*wanted)
    return [(row, site.failures(row.id)) for row in site.wait_final(ids)]


def _used(site: Site, job_id: UUID, table: str = "job", key: str = "id") -> tuple[float, ...]:
    (row,) = site.query(f"SELECT {USED} FROM {table} WHERE {key} = %s", job_id)
    return row


def test_a_run_over_its_memory_is_killed_and_told_with_figures(site: Site) -> None:
    (over, failures), (under, _) = _end(
        site, jobs.eats.new_job(mib=2000), jobs.eats.new_job(mib=16)
    )

    assert under.state == "completed"
    assert (over.state, over.attempt) == ("discarded", 1)
    (failure,) = failures
    assert failure.error_class == "Quarantined"  # one crash is its budget
    assert "OutOfMemory" in failure.message
    assert "over its limit of 120 MiB" in failure.message
    assert failure.signal == "SIGKILL"
    wall, _cpu, peak = _used(site, over.id, "failure", "job_id")
    assert wall > 0
    assert 120 * 1024 < peak < 900 * 1024, "it was killed soon after"


def test_cpu_time_is_bounded_whatever_a_handler_does_and_waiting_costs_none(site: Site) -> None:
    (in_c, deaf), (in_python, told), (waited, _) = _end(
        site,
        jobs.computes_in_c.new_job(),
        jobs.computes.new_job(),
        jobs.waits.new_job(seconds=0.6),
    )

    assert [row.state for row in (in_c, in_python, waited)] == [
        "discarded",
        "discarded",
        "completed",
    ]
    assert [each.error_class for each in (*deaf, *told)] == ["CpuTimeout", "CpuTimeout"]
    assert "did not stop when told to" in deaf[0].message
    assert "in computes" in told[0].trace
    wall, cpu, _peak = _used(site, in_python.id, "failure", "job_id")
    assert 0.3 <= cpu <= wall


def test_what_a_run_used_is_in_its_row(site: Site) -> None:
    (burnt, _), (idle, _) = _end(
        site, jobs.burns.new_job(seconds=0.1), jobs.lasts.new_job(seconds=0.2)
    )

    wall, cpu, peak = _used(site, burnt.id)
    assert 0.09 < cpu < 0.2
    assert wall >= cpu * 0.99
    assert 5_000 < peak < 200_000
    wall, cpu, _peak = _used(site, idle.id)
    assert wall >= 0.19
    assert cpu < 0.1
    seen = site.client.get(burnt.id)
    assert seen.cpu_seconds == pytest.approx(_used(site, burnt.id)[1], abs=0.001)


def test_a_run_is_as_nice_as_its_handler_says_and_the_next_one_is_not(site: Site) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    for _ in range(3):
        ((row, _),) = _end(site, jobs.nice.new_job())
        assert row.output == min(19, own + 5)

    def as_before() -> bool:
        return all(
            row.output == own for row, _ in _end(site, *(jobs.not_nice.new_job() for _ in "1234"))
        )

    wait_until(as_before)


def test_a_job_that_takes_two_cores_has_the_node_to_itself(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "noted"
    wanted = [jobs.narrow.new_job(path=str(path), seconds=0.02) for _ in range(8)]
    for place in (2, 5):
        wanted.insert(place, jobs.wide.new_job(path=str(path), seconds=0.05))
    wanted.insert(7, jobs.wider_than_the_node.new_job(path=str(path), seconds=0.05))

    ended = _end(site, *wanted)

    assert {row.state for row, _ in ended} == {"completed"}
    going: list[str] = []
    for line in sorted(path.read_text().splitlines()):
        _, word, kind = line.split()
        if word == "begun":
            going.append(kind)
            assert len(going) == 1 or set(going) == {"narrow"}, "nothing runs beside a wide one"
        else:
            going.remove(kind)
