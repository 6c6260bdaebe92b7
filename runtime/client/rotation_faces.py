"""`client.codec`: for sync code, and for asyncio and trio."""

from __future__ import annotations

from runtime.client.groups import AsyncGroup, SyncGroup
from runtime.client.rotation import PAGE_JOBS, CodecWork, Rotated


class Codecs(SyncGroup[CodecWork]):
    """Look after what is sealed with the codec of the client's app."""

    def rotate(self, *, page_jobs: int = PAGE_JOBS) -> Rotated:
        """Seal anew what an older key, or other layers, have sealed: args, outputs and schedules,
        and what workflows have recorded, published and were sent.

        Safe while nodes serve and clients enqueue, and repeatable. First give every program the new
        key, and make it the current one; when this has found nothing left, the old one may go.
        Raises: UsageError, for a client whose app has no codec; ConfigError, for bad keys.
        """
        return self._call(lambda work: work.rotate(page_jobs))


class AsyncCodecs(AsyncGroup[CodecWork]):
    """As `Codecs`."""

    async def rotate(self, *, page_jobs: int = PAGE_JOBS) -> Rotated:
        """As `Codecs.rotate`."""
        return await self._call(lambda work: work.rotate(page_jobs))
