"""Which queues have limits over all nodes, and when it is worth asking them again. Pure.

    refused, a rate ──▶ when its next job is due
    refused, by what runs ──▶ as soon as a run of ours ends; or after 20, 40 ... 500 ms

Rules: that a queue is limited is a hint: the plain claim takes nothing from one that is, and the
other nothing from one that is not. Where all places of a limit are taken by other nodes, those that
take them claim again themselves when a run ends; so we ask now and then only. Times in seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

# Between looks at a queue whose places are taken: the first, and the longest.
FIRST_SECONDS = 0.02
LONGEST_SECONDS = 0.5


@attrs.define
class LimitBook:
    """See the module's docstring."""

    limited: frozenset[str] = frozenset()
    _due: dict[str, float] = attrs.field(factory=dict, init=False)
    _pauses: dict[str, float] = attrs.field(factory=dict, init=False)  # of those refused by runs
    _closed: dict[str, float] = attrs.field(factory=dict, init=False)  # not to be asked before

    @property
    def next_at(self) -> float:
        """When to ask again, though there may be no other reason to look."""
        return min(self._due.values(), default=float("inf"))

    def learn(self, limited: Iterable[str]) -> bool:
        """These queues are limited, and no others; whether that is news."""
        before, self.limited = self.limited, frozenset(limited)
        for queue in before - self.limited:
            self._forget(queue)
        return before != self.limited

    def closed(self, now: float) -> list[str]:
        """Queues that are not asked now, whatever we heard of them: they have just refused."""
        return [queue for queue, until in self._closed.items() if until > now]

    def heard(self, queue: str) -> None:
        """There is more work in `queue` ("": in any): ask as soon as may be."""
        for closed, until in self._closed.items():
            if queue in ("", closed):
                self._due[closed] = min(until, self._due.get(closed, until))

    def answered(self, queue: str, again_seconds: float | None, now: float, *, got: bool) -> None:
        """A claim from a limited queue said when to ask again; see Store.claim_limited."""
        self._closed.pop(queue, None)
        if again_seconds is None:
            self._forget(queue)
            return
        if again_seconds > 0:
            pause = again_seconds
            self._pauses.pop(queue, None)
        else:
            last = self._pauses.get(queue, FIRST_SECONDS / 2)
            pause = self._pauses[queue] = FIRST_SECONDS if got else min(LONGEST_SECONDS, 2 * last)
        self._due[queue] = now + pause
        self._closed[queue] = now + min(pause, FIRST_SECONDS)

    def ended(self, queues: Collection[str]) -> list[str]:
        """Runs of ours in these queues ended: those that are worth asking now."""
        worth = [queue for queue in self._pauses if queue in queues]
        for queue in worth:
            self._closed.pop(queue, None)
        return worth

    def take_due(self, now: float) -> list[str]:
        """The queues that are to be asked now; each once."""
        due = [queue for queue, at in self._due.items() if at <= now]
        for queue in due:
            del self._due[queue]
            self._closed.pop(queue, None)
        return due

    def _forget(self, queue: str) -> None:
        for times in (self._due, self._pauses, self._closed):
            times.pop(queue, None)
