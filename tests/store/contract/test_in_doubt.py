"""Store.in_doubt: whether runs are completed whose handlers do that in their own transactions."""

from __future__ import annotations

from actors.store.protocol import InDoubt
from runtime.ids import uuid7
from runtime.lifecycle import JobState
from tests.store.harness import Bench, ack_of


async def test_only_what_this_very_run_has_completed_is_completed(bench: Bench) -> None:
    await bench.add(5)
    node = await bench.node()
    goes_on, completed, snoozed, again, discarded = await bench.claim(node)
    await bench.store.ack(
        [
            ack_of(completed),
            ack_of(snoozed, JobState.SCHEDULED, delay_seconds=60.0, counted=False),
            ack_of(again, JobState.AVAILABLE),
            ack_of(discarded, JobState.DISCARDED),
        ]
    )
    (second,) = await bench.claim(node)
    await bench.store.ack([ack_of(second)])

    found = await bench.store.in_doubt(
        [(job.id, job.run_number) for job in (goes_on, completed, snoozed, again, discarded)]
        + [(second.id, second.run_number), (uuid7(), 1)]
    )

    assert second.id == again.id
    assert set(found.completed) == {(job.id, job.run_number) for job in (completed, second)}
    assert found.held == ()
    assert await bench.store.in_doubt([]) == InDoubt()
