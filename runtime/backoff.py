"""How long a failed job waits for its next attempt.

Pure: jitter is given by the caller as a number in [-1, 1], so that a test owns it. A policy is
data, because the node must be able to apply it after the child that knows the handler has died.
A handler may also bring a function `attempt -> seconds`; it runs in the child, and where the child
died the default policy stands in for it.
"""

from __future__ import annotations

import msgspec

# Longer than this, nobody remembers what the job was for. 30 days, as seconds.
MAX_DELAY_SECONDS = 30 * 86_400.0


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """`offset + base * attempt ** power * factor ** (attempt - 1)` seconds, spread by `jitter`.

    Attributes:
        base_seconds: the unit of the series, > 0.
        power: exponent of the attempt; 4 is the default (1, 16, 81, 256 ... s, as River).
        factor: for exponential policies, e.g. 2.0.
        offset_seconds: added to each delay.
        max_seconds: no delay is longer.
        jitter: share of the delay by which it is spread either way, 0 to 1.
    """

    base_seconds: float = 1.0
    power: float = 4.0
    factor: float = 1.0
    offset_seconds: float = 0.0
    max_seconds: float = MAX_DELAY_SECONDS
    jitter: float = 0.1

    def delay_seconds(self, attempt: int, spread: float = 0.0) -> float:
        """Seconds to wait after the failed `attempt` (>= 1); `spread` in [-1, 1] is the dice."""
        try:
            raw = float(self.base_seconds * attempt**self.power * self.factor ** (attempt - 1))
        except OverflowError:
            raw = self.max_seconds
        delay = min(raw + self.offset_seconds, self.max_seconds)
        return max(0.0, min(delay * (1.0 + self.jitter * spread), self.max_seconds))


DEFAULT_BACKOFF = Backoff()


def exponential(
    base_seconds: float = 1.0, factor: float = 2.0, max_seconds: float = 3600.0, jitter: float = 0.1
) -> Backoff:
    """`base * factor ** (attempt - 1)` seconds, at most `max_seconds`."""
    return Backoff(
        base_seconds=base_seconds, power=0.0, factor=factor, max_seconds=max_seconds, jitter=jitter
    )


def constant(seconds: float, jitter: float = 0.0) -> Backoff:
    """The same delay after each failure."""
    return Backoff(base_seconds=seconds, power=0.0, jitter=jitter)
