"""A network at its worst between a node and its database: silent, cut, forgetful."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.support.node import Node
from tests.support.proxy import open_proxy
from tests.system import jobs
from tests.system.effects import check_all_completed
from tests.system.site import APP, Site

JOBS = 1_200


async def _wait_completed(site: Site, count: int) -> None:
    await trio.to_thread.run_sync(site.wait_completed, count)


async def _serve(site: Site, url: str, **options: float) -> Node:
    return await trio.to_thread.run_sync(lambda: site.serve(APP, url, **options))


async def test_a_network_that_is_silent_and_then_cut_costs_nothing(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "trace"
    path.touch()
    async with open_proxy(site.url) as proxy:
        node = await _serve(site, proxy.url)
        ids = site.add(*(jobs.traced.new_job(path=str(path), seconds=0.005) for _ in range(JOBS)))
        await _wait_completed(site, JOBS // 5)
        proxy.freeze()
        await trio.sleep(2)
        proxy.thaw()
        await _wait_completed(site, JOBS // 2)
        await proxy.close()
        await trio.sleep(1)
        await proxy.open()
        await _wait_completed(site, JOBS)
        assert await trio.to_thread.run_sync(node.stop) == 0
    runs = check_all_completed(site, path, ids)
    assert {len(of_job) for of_job in runs.values()} == {1}
    assert site.query("SELECT count(*) FROM failure") == [(0,)]
    assert len(site.query("SELECT id FROM node")) == 1, "it never lost its lease"


async def test_connections_that_are_forgotten_cost_no_lease(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    async with open_proxy(site.url) as proxy:
        node = await _serve(site, proxy.url, lease_seconds=8, heartbeat_seconds=1)
        (job_id,) = site.add(jobs.sleeps.new_job(path=str(path), seconds=9))
        await trio.to_thread.run_sync(site.wait_state, job_id, "running")
        proxy.strand()
        await trio.to_thread.run_sync(site.wait_state, job_id, "completed")
        assert await trio.to_thread.run_sync(node.stop) == 0
    assert (site.job(job_id).attempt, site.job(job_id).run_number) == (1, 1)
    assert len(site.query("SELECT id FROM node")) == 1
    assert "lost its lease" not in node.log


async def test_an_idle_node_whose_connections_were_forgotten_is_back_in_seconds(
    site: Site,
) -> None:
    async with open_proxy(site.url) as proxy:
        node = await _serve(site, proxy.url)
        proxy.strand()
        with trio.fail_after(29):  # as long as a statement may take
            (job_id,) = site.add(jobs.add.new_job(a=1, b=1))
            await trio.to_thread.run_sync(site.wait_state, job_id, "completed")
        assert await trio.to_thread.run_sync(node.stop) == 0
