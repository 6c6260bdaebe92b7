"""Subscriptions in process: what this node did, when it is written, within bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from actors import events
from actors.acker import Acker, Settled
from actors.parts import make_parts
from actors.run_events import ended
from actors.store.memory import MemoryStore
from actors.store.protocol import Demand
from actors.subscriptions import Subscriptions
from runtime.config import Config
from runtime.errors import UsageError
from runtime.job import ClaimedJob
from runtime.outcome import Completed, Failed, Failure, GivenBack, Outcome, Snoozed, Suspended
from tests.actors.conftest import Bench, new_job

OOPS = Failed(Failure("ValueError", "oops"))
DEAD = Failed(Failure("ChildDied", "oops", pid=7, signal="SIGKILL"), crashed=True)


async def claimed(bench: Bench, max_attempts: int = 25) -> ClaimedJob:
    await bench.store.enqueue([new_job(max_attempts=max_attempts)])
    node_id = bench.lease.node_id if bench.lease.held else await bench.join()
    (job,) = await bench.store.claim(node_id, [Demand("default", ("kind",), 1)])
    return job


def node_of(bench: Bench) -> tuple[Subscriptions, Callable[[ClaimedJob, Outcome], None]]:
    """What ends runs, as a Worker does, and is subscribed to."""
    subscriptions = Subscriptions()
    acker = Acker(bench.store, bench.holdings, subscriptions.observe)
    bench.nursery.start_soon(bench.start, acker.run)

    def end(job: ClaimedJob, outcome: Outcome) -> None:
        settled = Settled(job, outcome)
        acker.settle([settled])
        subscriptions.observe(events.RunsEnded([ended(settled, 0.1)]))

    return subscriptions, end


async def test_ends_are_told_when_they_are_written(bench: Bench) -> None:
    subscriptions, end = node_of(bench)
    heard = subscriptions.subscribe()
    outcomes: dict[str, tuple[Outcome, int]] = {
        "completed": (Completed(), 25),
        "failed": (OOPS, 25),
        "discarded": (OOPS, 1),
        "snoozed": (Snoozed(9.0), 25),
        "suspended": (Suspended(9.0, "sleep"), 25),
    }
    hold = bench.store.faults.hold("ack")
    first = await claimed(bench)
    end(first, GivenBack("of no interest"))
    await hold.reached.wait()
    with trio.move_on_after(1.0) as nothing:
        await heard.__anext__()
    assert nothing.cancelled_caught
    hold.release()
    await trio.sleep(0.1)
    for word, (outcome, most) in outcomes.items():
        job = first if word == "completed" else await claimed(bench, most)
        if word == "completed":
            (job,) = await bench.store.claim(bench.lease.node_id, [Demand("default", ("kind",), 1)])
        end(job, outcome)
        event = await heard.__anext__()
        assert (event.event, event.job_id, event.kind, event.queue) == (
            word,
            job.id,
            "kind",
            "default",
        )
        calm = word in ("completed", "snoozed", "suspended")
        assert event.error == (None if calm else "ValueError: oops")
        assert event.waits == ("sleep" if word == "suspended" else None)
    patient = await claimed(bench)
    end(patient, Suspended(None, "signal go"))
    event = await heard.__anext__()
    assert (event.event, event.state, event.waits) == ("suspended", "pending", "signal go")


async def test_a_death_is_told_with_its_process_and_signal(bench: Bench) -> None:
    subscriptions, end = node_of(bench)
    heard = subscriptions.subscribe("failed")
    end(await claimed(bench), DEAD)
    event = await heard.__anext__()
    assert (event.error, event.pid, event.exit_status, event.signal) == (
        "ChildDied: oops",
        7,
        None,
        "SIGKILL",
    )


async def test_filters_and_bounds(bench: Bench) -> None:
    subscriptions = Subscriptions()
    paused = subscriptions.subscribe("paused", queues=["a", "b"], buffer=2)
    others = subscriptions.subscribe(kinds=["kind"])
    for queue in ("a", "c", "b", "a"):
        subscriptions.observe(events.QueuePaused(queue))
        subscriptions.observe(events.QueueResumed(queue))
    subscriptions.observe(events.Rescued(("host:1",), 3, 0))
    assert [(await paused.__anext__()).queue for _ in range(2)] == ["b", "a"]
    assert paused.lost == 1
    everything = subscriptions.subscribe("rescued")
    subscriptions.observe(events.Rescued(("host:1",), 3, 0))
    assert (await everything.__anext__()).jobs == 3
    with everything, others:
        pass
    with pytest.raises(StopAsyncIteration):
        await others.__anext__()
    with pytest.raises(UsageError, match="no event 'ended'"):
        subscriptions.subscribe("ended")


async def test_a_node_has_them() -> None:
    parts = make_parts(Config(), MemoryStore(), "no.app:here")
    heard = parts.subscriptions.subscribe("resumed")
    parts.observe(events.QueuePaused("media"))
    parts.observe(events.QueueResumed("media"))
    event = await heard.__anext__()
    assert (event.event, event.queue, event.job_id) == ("resumed", "media", None)
