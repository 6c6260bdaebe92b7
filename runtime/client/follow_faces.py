"""Following a job, for sync code and for asyncio and trio: iterators over its updates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from runtime.client.following import JobUpdate
from runtime.client.groups import AsyncCall, SyncCall


def follow(call: SyncCall, job_id: UUID) -> Iterator[JobUpdate]:
    """See `Client.follow`."""
    follower = call(lambda core: core.following.begin(job_id))
    try:
        while (update := call(lambda core: follower.next())) is not None:
            yield update
    finally:
        follower.close()


async def follow_async(call: AsyncCall, job_id: UUID) -> AsyncIterator[JobUpdate]:
    """See `Client.follow`."""
    follower = await call(lambda core: core.following.begin(job_id))
    try:
        while (update := await call(lambda core: follower.next())) is not None:
            yield update
    finally:
        follower.close()
