"""A handler completes its job in its own transaction, and its process is killed at every point of
it: the effects and the completion always agree, and happen once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import attrs
import pytest

from runtime import NewJob
from runtime.handler_enqueue import Enqueuer
from runtime.ids import uuid7
from tests.support.node import Node
from tests.system import completing_app as jobs
from tests.system.site import JobSeen, Site

APP = "tests.system.completing_app:app"


@pytest.fixture(scope="module")
def node(shared_site: Site) -> Node:
    """A node with one child for each sort of handlers."""
    shared_site.query("CREATE TABLE public.effect (name text, run_number integer)")
    return shared_site.serve(APP, workers=1, http=True)


@pytest.fixture
def site(shared_site: Site, node: Node) -> Site:
    return shared_site


def end(site: Site, job: NewJob) -> tuple[JobSeen, list[int], list[str]]:
    """Its row at its end; the runs whose effects are there; the classes of its failures."""
    (job_id,) = site.add(job)
    (row,) = site.wait_final([job_id])
    return attrs.evolve(row, output=opened(row)), effects(site, str(job_id)), failures(site, job_id)


def opened(row: JobSeen) -> object:
    """Its output, which is stored sealed."""
    text = jobs.app.sealer.unseal("output", json.dumps(row.output), row.kind, row.id)
    return json.loads(text)


def effects(site: Site, name: str) -> list[int]:
    return [
        run for (run,) in site.query("SELECT run_number FROM public.effect WHERE name = %s", name)
    ]


def failures(site: Site, job_id: UUID) -> list[str]:
    return [failure.error_class for failure in site.failures(job_id)]


def metric(node: Node, name: str, kind: str = "") -> float:
    with urlopen(f"{node.http}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    told = [line for line in lines if line.startswith(name) and kind in line]
    return sum(float(line.rpartition(" ")[2]) for line in told)


def named(make: Enqueuer[..., Any], site: Site, **args: object) -> NewJob:
    """A job whose effects go by its id."""
    job_id = uuid7()
    return make.with_options(id=job_id).new_job(url=site.url, name=str(job_id), **args)


@pytest.mark.parametrize(
    ("make", "die", "run", "failed"),
    [
        (jobs.transfer, "", 1, []),
        (jobs.transfer, "before the statement", 2, ["ChildDied"]),
        (jobs.transfer, "before the commit", 2, ["ChildDied"]),
        (jobs.transfer, "after the commit", 1, []),
        (jobs.transfer_async, "", 1, []),
        (jobs.transfer_async, "before the commit", 2, ["ChildDied"]),
        (jobs.transfer_async, "after the commit", 1, []),
    ],
)
def test_effects_and_completion_agree_wherever_the_process_dies(
    site: Site, node: Node, make: Enqueuer[..., Any], die: str, run: int, failed: list[str]
) -> None:
    row, effected, failures = end(site, named(make, site, die=die))

    assert row.state == "completed", [f.trace for f in site.failures(row.id)]
    assert (row.state, row.output, row.run_number) == ("completed", f"run {run}", run)
    assert effected == [run]
    assert failures == failed
    assert row.attempt == run


def test_a_handler_that_fails_after_its_commit_has_completed_its_job(
    site: Site, node: Node
) -> None:
    row, effected, failures = end(site, named(jobs.transfer, site, die="raise"))

    assert (row.state, row.output, effected, failures) == ("completed", "run 1", [1], [])


def test_a_handler_that_does_not_commit_has_failed(site: Site, node: Node) -> None:
    row, effected, failures = end(site, named(jobs.forgets, site, keep=False))

    assert (row.state, row.run_number, effected) == ("completed", 2, [2])
    assert failures == ["NotCommitted"]


def test_a_transaction_that_is_left_open_holds_up_nobody_else(site: Site, node: Node) -> None:
    (job_id,) = site.add(named(jobs.forgets, site, keep=True))
    site.wait_state(job_id, "running")

    row, effected, _ = end(site, named(jobs.transfer, site))
    assert (row.state, effected) == ("completed", [1])
    assert site.job(job_id).state == "running"

    (closing,) = site.add(jobs.close_all.new_job())
    row, *_ = site.wait_final([job_id, closing])
    assert (row.state, row.run_number, failures(site, job_id)) == ("completed", 2, ["NotCommitted"])


def test_nothing_of_it_is_an_alarm(site: Site, node: Node) -> None:
    before = [metric(node, "headrace_stale_acks_total"), metric(node, "headrace_jobs_failed_total")]
    done = metric(node, "headrace_jobs_completed_total", "transfer")
    for die in ("after the commit", "raise", ""):
        end(site, named(jobs.transfer, site, die=die))

    assert metric(node, "headrace_jobs_completed_total", "transfer") == done + 3
    after = [metric(node, "headrace_stale_acks_total"), metric(node, "headrace_jobs_failed_total")]
    assert after == before
    assert "too late" not in node.log


def test_a_node_carries_what_is_sealed_and_knows_no_key(site: Site, node: Node) -> None:
    (job_id,) = site.add(jobs.doubles.new_job(number=21))
    (row,) = site.wait_final([job_id])

    ((args,),) = site.query("SELECT args FROM job WHERE id = %s", job_id)
    for payload in (args, row.output):
        assert payload.keys() == {"$codec", "kid", "aad", "data"}
    assert opened(row) == {"secret": 42}
    key = jobs.KEY.decode()
    command_lines = [Path(f"/proc/{process.pid}/cmdline").read_text() for process in node.processes]
    assert not [line for line in [node.log, *command_lines] if key in line]
