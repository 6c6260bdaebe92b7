"""One node serves several namespaces: real processes, each namespace with its own tables."""

from __future__ import annotations

import re
import urllib.request
from functools import partial
from uuid import UUID

import trio

from actors.store.bridge import open_bridge
from actors.store.namespaces import create_namespace
from runtime import Client
from runtime.job_filter import JobFilter
from runtime.lifecycle import JobState
from tests.support.node import QUICK, Node
from tests.support.processes import wait_for
from tests.system import jobs
from tests.system.site import Site


async def _create(url: str, name: str) -> None:
    async with open_bridge(url) as bridge:
        await create_namespace(bridge, name)


# Whether the node has said in each namespace that it serves a kind.
_SERVE = """
    SELECT 'noop' = ANY (kinds) FROM headrace.node
    UNION ALL SELECT 'noop' = ANY (kinds) FROM crops.node
"""


def _elsewhere(node: Node) -> set[tuple[str, int]]:
    """By namespace, how many jobs wait in that queue, as the metrics have it."""
    with urllib.request.urlopen(f"{node.http}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    line = r'headrace_jobs\{namespace="(.*)",queue="elsewhere",state="available"\} (.*)'
    return {(namespace, int(float(jobs))) for namespace, jobs in re.findall(line, text)}


def test_one_node_runs_stages_and_cancels_in_each(site: Site) -> None:
    trio.run(_create, site.url, "crops")
    with Client(None, site.url, namespace="crops") as crops:
        waits = jobs.noop.with_options(queue="elsewhere")
        for client, count in ((site.client, 2), (crops, 3)):
            client.enqueue_many([waits.new_job() for _ in range(count)])
        node = site.serve(namespace=("headrace", "crops"), http=True, http_port=0)
        told = {("headrace", 2), ("crops", 3)}  # each namespace by its own leader
        wait_for(lambda: _elsewhere(node) == told, lambda: f"{_elsewhere(node)}\n{node.log}", 30)
        wait_for(lambda: site.query(_SERVE) == [(True,)] * 2, lambda: node.log, 30)
        for client, value in ((site.client, 1), (crops, 2)):
            job = client.enqueue(jobs.add.with_options(delay=0.2), a=value, b=value)
            assert client.result(job.id, timeout=30) == 2 * value
        running = crops.enqueue(jobs.burn, seconds=600)
        here = site.client.enqueue(jobs.burn, seconds=0.5)

        wait_for(lambda: crops.get(running.id).state is JobState.RUNNING, lambda: node.log, 30)
        assert here.result(timeout=30) == 0.5  # the cores are shared
        crops.cancel(running.id)
        wait_for(lambda: crops.get(running.id).state is JobState.CANCELLED, lambda: node.log, 30)

        names = {each.name: each.nodes for each in crops.namespaces.list()}
        assert {len(found or ()) for found in names.values()} == {1}
        assert site.client.jobs.list(JobFilter(kind="burn")).jobs[0].id == here.id


def _runs(client: Client, job_id: UUID) -> bool:
    return client.get(job_id).state is JobState.RUNNING


def test_after_a_kill_the_jobs_of_each_are_given_back(site: Site) -> None:
    trio.run(_create, site.url, "crops")
    first = site.start_node(namespace=("headrace", "crops"), **QUICK).wait_started()
    with Client(None, site.url, namespace="crops") as crops:
        both = [(site.client, site.client.enqueue(jobs.burn, seconds=1.5))]
        both.append((crops, crops.enqueue(jobs.burn, seconds=1.5)))
        for client, job in both:
            wait_for(
                partial(_runs, client, job.id),
                lambda: first.log,
                30,
            )
        first.kill()

        site.serve(namespace=("headrace", "crops"), **QUICK)
        for client, job in both:
            assert client.result(job.id, timeout=30) == 1.5
            assert client.get(job.id).run_number == 2
