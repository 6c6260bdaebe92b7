"""NOTIFY and LISTEN of a MemoryStore: a notice reaches every listener, unless it is lost."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from actors.store.bridge.mailbox import Mailbox
from actors.store.listening import TOPICS, Notifications

_AS_THEY_ARE = {topic: topic for topic in TOPICS}


class Board:
    """The listeners of one MemoryStore."""

    def __init__(self) -> None:
        self._mailboxes: list[Mailbox] = []
        self._down = False

    def notify(self, topic: str, payload: str = "") -> None:
        """Tell every listener. What is notified while listening is down is lost."""
        if not self._down:
            for mailbox in self._mailboxes:
                mailbox.put(topic, payload)

    def set_down(self, down: bool) -> None:
        """Lose all listening connections, or get them back."""
        self._down = down
        for mailbox in self._mailboxes:
            mailbox.set_down(down)

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Notifications]:
        """Listen from entry to exit."""
        mailbox = Mailbox()
        mailbox.set_down(self._down)
        self._mailboxes.append(mailbox)
        try:
            with mailbox.receive:
                yield Notifications(mailbox.receive, _AS_THEY_ARE)
        finally:
            self._mailboxes.remove(mailbox)
            mailbox.close()
