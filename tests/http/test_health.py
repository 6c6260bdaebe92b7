"""Health: alive and ready are two questions, answered from beats and events."""

from __future__ import annotations

import pytest
import trio

from actors import events
from actors.http import Check, Health
from actors.http.pages import healthz, readyz
from runtime.config import Config


def missing(health: Health) -> set[str]:
    return {check.name for check in health.checks() if not check.ok}


def reached() -> Health:
    """Of a node that has reached its database."""
    health = Health()
    health.observe(events.NodeJoined(1, "n", 20.0))
    return health


async def test_a_loop_that_does_not_beat_in_time_is_stuck(
    autojump_clock: trio.testing.MockClock,
) -> None:
    health = reached()
    health.watch("acker", 10)
    health.watch("distributor", 10)
    await trio.sleep(8)
    health.beat("acker")
    await trio.sleep(8)
    assert not health.alive
    assert [loop.name for loop in health.loops() if loop.stuck] == ["distributor"]
    assert healthz(health).status == 503
    assert b'"stuck":["distributor"]' in healthz(health).body
    health.beat("distributor")
    assert healthz(health).status == 200


async def test_a_loop_that_ended_as_it_should_is_forgotten(
    autojump_clock: trio.testing.MockClock,
) -> None:
    health = reached()
    health.beat("stager")
    await trio.sleep(1000)
    assert healthz(health).status == 503
    health.forget("stager")
    health.forget("stager")
    assert health.alive
    assert health.loops() == ()


async def test_a_node_becomes_ready_step_by_step() -> None:
    health = Health()
    assert missing(health) == {"database", "migrated", "listening"}
    assert readyz(health).status == 503
    assert b"not reached yet" in readyz(health).body
    health.observe(events.NodeJoined(1, "n", 20.0))
    assert missing(health) == {"listening"}
    health.observe(events.ListenerBack())
    assert health.ready
    assert readyz(health).status == 200


@pytest.mark.parametrize(
    ("loss", "name", "cure"),
    [
        (events.StoreLost("acker", "refused"), "database", events.LeaseRenewed(0.1)),
        (events.StoreLost("acker", "refused"), "database", events.StoreBack("acker", 1.0)),
        (events.ListenerLost(), "listening", events.ListenerBack()),
    ],
)
async def test_a_loss_makes_it_unready_until_it_is_cured(
    loss: events.Event, name: str, cure: events.Event
) -> None:
    health = Health()
    for event in (events.NodeJoined(1, "n", 20.0), events.ListenerBack(), loss):
        health.observe(event)
    assert missing(health) == {name}
    health.observe(cure)
    assert health.ready


def test_a_draining_node_is_not_ready() -> None:
    health = Health()
    health.observe(events.DrainBegan(25.0, 3))
    assert Check("not_draining", False, "draining") in health.checks()


def test_a_node_that_only_polls_need_not_listen() -> None:
    health = Health(listens=False)
    health.observe(events.ListenerLost())
    assert missing(health) == {"database", "migrated"}


async def test_an_outage_of_the_database_leaves_the_node_alive(
    autojump_clock: trio.testing.MockClock,
) -> None:
    health = reached()
    health.observe(events.Beat("heartbeat"))
    health.observe(events.StoreLost("heartbeat", "refused"))
    await trio.sleep(1000)
    assert healthz(health).status == 200
    health.observe(events.StoreBack("heartbeat", 1000.0))
    assert healthz(health).status == 200
    await trio.sleep(1000)
    assert healthz(health).status == 503  # it had its chance since


async def test_what_a_leader_does_is_watched_during_its_term_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    health = reached()
    health.observe(events.TermBegan(1))
    health.observe(events.Beat("stager"))
    assert [loop.name for loop in health.loops()] == ["stager"]
    health.observe(events.TermEnded(1, "lost"))
    health.observe(events.Beat("stager"))  # late
    assert health.loops() == ()


async def test_a_loop_with_a_long_wait_has_as_much_time_to_beat() -> None:
    health = Health.of(Config(poll_seconds=600))
    health.observe(events.Beat("distributor"))
    health.observe(events.Beat("control"))
    within = {loop.name: loop.within_seconds for loop in health.loops()}
    assert within == {"distributor": 2400.0, "control": 120.0}


def test_a_pooled_node_need_not_listen() -> None:
    assert "listening" not in missing(Health.of(Config(pooler=True)))
