"""`await job.result()`: a client waits while a node works."""

from __future__ import annotations

import statistics
import time

import pytest
import trio

from runtime import JobFailed, JobState, Kind, ResultTimeout, TrioClient
from tests.support.node import Node
from tests.system import jobs
from tests.system.site import Site


@pytest.fixture(scope="module")
def node(shared_site: Site) -> Node:
    """A node that serves the module's site."""
    return shared_site.serve()


@pytest.fixture
def site(shared_site: Site, node: Node) -> Site:
    """The site that this node serves, with all its children ready."""
    node.wait_children(3)
    return shared_site


async def test_many_wait_at_once_and_each_gets_its_own(site: Site) -> None:
    results: dict[int, int] = {}

    async def ask(client: TrioClient, a: int) -> None:
        job = await client.enqueue(jobs.add, a=a, b=1000)
        results[a] = await job.result(timeout=60)

    async with TrioClient(url=site.url) as client, trio.open_nursery() as nursery:
        for a in range(100):
            nursery.start_soon(ask, client, a)
    assert results == {a: a + 1000 for a in range(100)}


async def test_a_result_comes_soon(site: Site) -> None:
    seconds = []
    async with TrioClient(url=site.url) as client:
        for a in range(50):
            began = time.monotonic()
            job = await client.enqueue(jobs.add, a=a, b=1)
            assert await job.result(timeout=60) == a + 1
            seconds.append(time.monotonic() - began)
    assert statistics.median(seconds) < 1, "some milliseconds, on an idle machine"


def test_a_sync_client_waits_too(site: Site) -> None:
    job = site.client.enqueue(jobs.add, a=1, b=1)
    assert job.result(timeout=60) == 2
    assert job.result(timeout=60) == 2, "asked again, it is still there"


async def test_a_failure_is_raised_to_who_waits(site: Site) -> None:
    async with TrioClient(url=site.url) as client:
        job = await client.enqueue(jobs.segfault)
        with pytest.raises(JobFailed) as caught:
            await job.result(timeout=60)
    assert (caught.value.state, caught.value.error_class) == ("discarded", "ChildDied")
    assert "SIGSEGV" in caught.value.message


async def test_whoever_waits_may_give_up_and_ask_again(site: Site) -> None:
    async with TrioClient(url=site.url) as client:
        job = await client.enqueue(jobs.naps, seconds=1.0)
        with pytest.raises(ResultTimeout):
            await job.result(timeout=0.05)
        assert await job.result(timeout=60) == 1.0


def test_a_renamed_handler_runs_jobs_of_its_old_kind_and_a_kind_that_nobody_has_waits(
    site: Site,
) -> None:
    unknown = site.client.enqueue(Kind("nobody"), a=1)
    old = site.client.enqueue(Kind("sum_up"), a=1, b=2)
    assert old.result(timeout=60) == 3
    assert site.client.get(unknown.id).state is JobState.AVAILABLE
    assert site.client.cancel(unknown.id).state is JobState.CANCELLED
