"""A cancellation that arrives while its job is on the way is not left to the next look."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import trio

from actors.control import LOOK_SECONDS, Control
from actors.store.protocol import Demand
from actors.worker import Worker
from tests.actors.conftest import Bench, new_job


class Late:
    """Stands where a Worker would, and has its jobs a while after they were claimed."""

    def __init__(self, has_from: float) -> None:
        self.told: list[tuple[UUID, str]] = []
        self._has_from = has_from

    def cancel(self, job_id: UUID, why: str = "") -> bool:
        if trio.current_time() < self._has_from or self.told:
            return bool(self.told)
        self.told.append((job_id, why))
        return True


async def told_after(bench: Bench, *, hears_first: bool, has_after: float) -> float:
    """Seconds from the cancellation of a claimed job until its Worker is told."""
    node_id = await bench.join()
    await bench.store.enqueue([new_job()])
    worker = Late(trio.current_time() + has_after)
    distributor = bench.distributor()
    control = Control(
        bench.store, bench.lease, bench.holdings, distributor, [cast("Worker", worker)]
    )
    await bench.start(control.run)
    await trio.sleep(0.001)
    began = trio.current_time()
    jobs = await bench.store.claim(node_id, [Demand("default", ("kind",), 1)])
    await bench.store.cancel(jobs[0].id, "no use")
    if hears_first:
        control.hear(f"cancel:{jobs[0].id}")
        await trio.sleep(0.01)
        bench.holdings.take(jobs)
    else:
        bench.holdings.take(jobs)
        control.hear(f"cancel:{jobs[0].id}")
    while not worker.told:  # noqa: ASYNC110 - what is waited for has no event
        await trio.sleep(0.005)
    assert worker.told == [(jobs[0].id, "no use")]
    return trio.current_time() - began


async def test_before_the_answer_of_the_claim(bench: Bench) -> None:
    assert await told_after(bench, hears_first=True, has_after=0.0) < 0.1 < LOOK_SECONDS


async def test_before_a_worker_has_it(bench: Bench) -> None:
    assert await told_after(bench, hears_first=False, has_after=0.2) < 0.3


async def test_a_question_that_nobody_answers_is_asked_again_soon(bench: Bench) -> None:
    bench.store.faults.hold("awaiting_cancel")
    with trio.fail_after(12):
        await told_after(bench, hears_first=False, has_after=0.0)
