"""How a Distributor learns of new jobs: it is woken, or, in a busy time, it looks by itself.

    calm ── wakeups come thick and fast ──▶ busy ── nothing found for a while ──▶ calm

Why: a transaction that sends a NOTIFY holds a lock of the whole server until its commit is on
disk, so such commits stand in line. In a busy time nobody needs to be woken, so nobody should pay.

Rules: a producer sends a wakeup only if it saw that some node wants one. Whoever looked before a
node came to want it sends none, and its job appears when its transaction commits, at any time
later. So after a node has said that it wants wakeups, it looks again after 5, 10, 20 ... ms, until
the regular poll takes over: such a job waits at most about as long again as its commit took.
Pure, but for the caller's clock; times and durations in seconds.
"""

from __future__ import annotations

import attrs

# Between looks in a busy time: no more of them than wakeups would be, since each costs as much.
BUSY_SECONDS = 0.005
# So many wakeups within this time begin a busy time: 150 commits a second in line are less than
# what a slow disk can take (4 ms each), and nobody notices the line until then.
BUSY_WAKEUPS = 30
BUSY_WITHIN_SECONDS = 0.2
# A busy time ends when nothing was found for so long.
CALM_SECONDS = 0.25


@attrs.define
class Pace:
    """See the module's docstring.

    Args: poll_seconds: of the regular poll, which stands behind all of this.
    Attributes: wants_wakeups: what producers should know. look_at: when to look unasked.
    """

    poll_seconds: float
    wants_wakeups: bool = attrs.field(default=True, init=False)
    look_at: float = attrs.field(default=float("inf"), init=False)
    _interval: float = attrs.field(default=BUSY_SECONDS, init=False)
    _heard: int = attrs.field(default=0, init=False)  # wakeups since the window began
    _window_began: float = attrs.field(default=float("-inf"), init=False)
    _found_at: float = attrs.field(default=float("-inf"), init=False)

    def heard(self, now: float) -> None:
        """A wakeup came."""
        if now - self._window_began > BUSY_WITHIN_SECONDS:
            self._window_began = now
            self._heard = 0
        self._heard += 1
        if self.wants_wakeups and self._heard >= BUSY_WAKEUPS:
            self.wants_wakeups = False
            self._found_at = now
            self.look_at = now + BUSY_SECONDS

    def claimed(self, now: float, *, found: bool) -> None:
        """A claim returned, with jobs or without."""
        resting = not self.wants_wakeups and self.look_at == float("inf")
        if found or resting:
            self._found_at = now
        if resting:
            self.look_at = now + BUSY_SECONDS

    def told(self, now: float) -> None:
        """Producers now see what this node wants. Some have looked before."""
        self._heard = 0
        self._interval = BUSY_SECONDS
        self.look_at = now + BUSY_SECONDS

    def looked(self, now: float, *, asks: bool) -> None:
        """It is `look_at`, and we look, if there is anything to claim for: when to do so next."""
        if not self.wants_wakeups and not asks:
            self.look_at = float("inf")  # as long as no place is free, nobody needs to tell us
        elif not self.wants_wakeups:
            self.wants_wakeups = now - self._found_at >= CALM_SECONDS
            self.look_at = now + BUSY_SECONDS
        else:
            self._interval *= 2
            faded = self._interval >= self.poll_seconds
            self.look_at = float("inf") if faded else now + self._interval
