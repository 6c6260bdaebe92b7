"""NOTIFY and LISTEN of a MemoryStore: a notice reaches every listener, unless it is lost."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import trio

from actors.store.bridge.mailbox import Mailbox
from actors.store.listening import TOPICS, Notifications
from actors.store.standby import Standby

_AS_THEY_ARE = {topic: topic for topic in TOPICS}


class Board:
    """The listeners of one MemoryStore."""

    def __init__(self) -> None:
        self._mailboxes: list[Mailbox] = []
        self._said: dict[tuple[str, str], None] = {}  # in the order of its notifying
        self._standbys: dict[Standby, trio.Event] = {}
        self._down = False

    def notify(self, topic: str, payload: str = "") -> None:
        """Have it told to every listener when the call that does this commits; once each call."""
        self._said[topic, payload] = None

    def commit(self) -> None:
        """Tell what was notified. While listening is down, that is lost."""
        said, self._said = self._said, {}
        for topic, payload in said if not self._down else ():
            for mailbox in self._mailboxes:
                if not self._take(mailbox, topic, payload):
                    mailbox.put(topic, payload)

    def set_down(self, down: bool) -> None:
        """Lose all listening connections, or get them back."""
        self._down = down
        for mailbox in self._mailboxes:
            mailbox.set_down(down)

    async def wait_for(self, standby: Standby) -> bool:
        """Wait for its note. False if it was withdrawn before."""
        woken = trio.Event()
        standby.on_withdraw = woken.set
        if standby.withdrawn:
            return False
        self._standbys[standby] = woken
        try:
            await woken.wait()
        finally:
            self._standbys.pop(standby, None)
        return standby.woken_by is not None

    def _take(self, mailbox: Mailbox, topic: str, payload: str) -> bool:
        """Whether this listener's standby begins at this note."""
        for standby, woken in self._standbys.items():
            if standby.takes(topic, mailbox) and not woken.is_set():
                standby.woken_by = payload
                woken.set()
                return True
        return False

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Notifications]:
        """Listen from entry to exit."""
        mailbox = Mailbox()
        mailbox.set_down(self._down)
        self._mailboxes.append(mailbox)
        try:
            with mailbox.receive:
                yield Notifications(
                    mailbox.receive, _AS_THEY_ARE, lambda: Standby("wakeup", mailbox)
                )
        finally:
            self._mailboxes.remove(mailbox)
            mailbox.close()
