"""Workflows that are cancelled, whose database dies, and that are of several namespaces."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import trio

from actors.store.bridge import open_bridge
from actors.store.namespaces import create_namespace
from runtime import Client
from tests.support.postgres import RestartableServer
from tests.support.processes import wait_for
from tests.system import workflow_jobs as jobs
from tests.system.site import Site

APP = "tests.system.workflow_jobs:app"
WORKFLOWS = 300


def test_a_cancelled_workflow_takes_its_children_and_its_step_with_it(
    site: Site, tmp_path: Path
) -> None:
    site.serve(APP, workers=1, kill_grace_seconds=1)
    path = tmp_path / "effects"
    path.touch()
    (family,) = site.add(jobs.lasting_family.new_job(path=str(path), count=20))
    wait_for(lambda: "began" in path.read_text(), lambda: str(site.states()), 30)
    site.wait_state(family, "pending")  # a child may begin before its parent has ended its run
    site.client.cancel(family)
    wait_for(lambda: site.count("cancelled") == 21, lambda: str(site.states()), 30)
    assert path.read_text().count("began") < 10, "those that waited never began"
    path.write_text("")
    (step,) = site.add(jobs.lasting_step.new_job(path=str(path)))
    wait_for(lambda: "began" in path.read_text(), lambda: str(site.states()), 30)
    site.client.cancel(step, "enough")
    site.wait_state(step, "cancelled")
    assert [each.message for each in site.failures(step)] == ["enough"]


def test_a_killed_database_costs_no_step(
    restartable_site: Site, restartable_server: RestartableServer, tmp_path: Path
) -> None:
    """No process of the node dies, so nothing may be done twice."""
    site, path = restartable_site, tmp_path / "effects"
    path.touch()
    new = [jobs.five_effects.new_job(path=str(path), number=n) for n in range(WORKFLOWS)]
    ids = site.add(*new)
    site.serve(APP)
    for share in (0.1, 0.5):
        wait_for(
            lambda share=share: path.read_text().count("\n") > share * 5 * WORKFLOWS,  # type: ignore[misc]
            lambda: str(site.states()),
            60,
        )
        restartable_server.kill_postmaster()
        time.sleep(0.3)
        restartable_server.start()
    rows = site.wait_final(ids)
    assert {(row.state, row.run_number) for row in rows} == {("completed", 1)}
    done = Counter(path.read_text().split())
    assert len(done) == 5 * WORKFLOWS
    assert set(done.values()) == {1}
    assert site.query("SELECT count(*), bool_and(done) FROM step") == [(5 * WORKFLOWS, True)]


def test_where_nodes_do_not_listen_a_signal_is_found_all_the_same(
    site: Site, tmp_path: Path
) -> None:
    site.serve(APP, poll_only=True, poll_seconds=0.5)
    (job_id,) = site.add(jobs.async_approval.new_job(path=str(tmp_path / "effects")))
    for value in (1, 2):
        site.wait_state(job_id, "pending")
        site.client.send_signal(job_id, "approved", value)
        wait_for(lambda: site.job(job_id).state != "pending", lambda: str(site.states()), 10)
    assert site.wait_state(job_id, "completed").output == [1, 2]


async def _create(url: str, name: str) -> None:
    async with open_bridge(url) as bridge:
        await create_namespace(bridge, name)


def test_one_node_runs_the_workflows_of_each_namespace(site: Site, tmp_path: Path) -> None:
    trio.run(_create, site.url, "crops")
    site.serve(APP, namespace=("headrace", "crops"))
    with Client(None, site.url, namespace="crops") as crops:
        for client, value in ((site.client, 1), (crops, 2)):
            path = str(tmp_path / str(value))
            waits = client.enqueue(jobs.async_approval, path=path)
            family = client.enqueue(jobs.family, count=10)
            client.send_signal(waits, "approved", value)
            assert family.result(timeout=30) == 49 + 285
            client.send_signal(waits, "approved", 2 * value)
            assert waits.result(timeout=30) == [value, 2 * value]
            assert Path(path).read_text() == "before\n"
