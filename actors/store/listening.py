"""The receiving end of a Store's `listen`: a bridge's notes, as notifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from actors.store.protocol import Listening, Notification
from actors.store.standby import Standby

TOPICS = ("wakeup", "due", "control", "finished", "wake")


def channels_of(namespace: str) -> dict[str, str]:
    """The namespace's channels, with the topic that each stands for."""
    return {f"{namespace}.{topic}": topic for topic in TOPICS}


class Notifications(Listening):
    """Notifications in the order of their arrival. Closing it is its opener's business."""

    def __init__(
        self,
        notes: trio.MemoryReceiveChannel[tuple[str, str]],
        topics: Mapping[str, str],
        standby: Callable[[], Standby | None],
    ) -> None:
        self._notes = notes
        self._topics = topics
        self._standby = standby

    def standby(self) -> Standby | None:
        """See Listening."""
        return self._standby()

    async def receive(self) -> Notification:
        """The next one. Raises trio.EndOfChannel when there will be none."""
        return self._named(await self._notes.receive())

    def receive_nowait(self) -> Notification:
        """The next one, if it is there. Raises trio.WouldBlock."""
        return self._named(self._notes.receive_nowait())

    async def aclose(self) -> None:
        """Receive no more."""
        await self._notes.aclose()

    def _named(self, note: tuple[str, str]) -> Notification:
        channel, payload = note
        if not channel:  # of the listening itself: "lost" or "back"
            return Notification(payload, "")
        return Notification(self._topics[channel], payload)
