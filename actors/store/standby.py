"""A claim on standby: it begins where a wakeup is heard, before any trio task has run.

    waiting ── a note of its channel ──▶ begun (`woken_by` is the note's payload) ──▶ answered
       └────── withdraw() ──▶ answered with nothing; nothing was asked

Why: a wakeup that travels from the listening connection to the Distributor, and comes back as a
claim, wakes two sleeping threads on its way. On an idle machine each costs as much as the claim.

Rules: the note that begins it is taken by it, and reaches nobody else. Withdrawn in time, it asks
nothing; too late, and it ends as any claim does. One use each.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs


@attrs.define(eq=False)
class Standby:
    """See the module's docstring. Its opener reads and withdraws it; a Store does the rest.

    Attributes: channel, whose next note begins it, if it is heard by `ear`. woken_by: that note's
    payload; None if it was withdrawn. seconds: from that note to the answer. withdrawn: whether it
    was to be, at least. on_withdraw: set by who waits for the note; `withdraw` calls it.
    """

    channel: str
    ear: object
    woken_by: str | None = None
    seconds: float = 0.0
    withdrawn: bool = False
    on_withdraw: Callable[[], object] | None = None

    def takes(self, channel: str, ear: object) -> bool:
        """Whether a note of this channel, heard by this ear, is for it."""
        return channel == self.channel and ear is self.ear and not self.withdrawn

    def withdraw(self) -> None:
        """Have it answered now, unless it has begun."""
        self.withdrawn = True
        if self.on_withdraw is not None:
            self.on_withdraw()
