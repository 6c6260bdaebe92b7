"""How late a child comes back, and how often is too often. No clock of its own: times come in."""

from collections import deque

import attrs

# The delay doubles up to here; 2**40 times any sensible step is beyond every limit already, and
# a larger exponent would overflow a float in the end.
_MAX_DOUBLINGS = 40


@attrs.frozen
class Backoff:
    """Seconds before the n-th restart of a child in a row: at once, then doubling up to a limit.

    >>> [Backoff()(n) for n in (1, 2, 3, 4)]
    [0.0, 0.1, 0.2, 0.4]
    """

    # First restart: most crashes are a passing condition, and waiting would only cost time.
    first_seconds: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    # Second restart: the fastest that a lasting failure may cycle.
    step_seconds: float = attrs.field(default=0.1, validator=attrs.validators.ge(0))
    # No restart waits longer: it bounds how long an actor stays away after the cause is gone.
    max_seconds: float = attrs.field(default=30.0, validator=attrs.validators.ge(0))

    def __call__(self, restart: int) -> float:
        """Return the delay in seconds of this restart, counted from 1."""
        if restart <= 1:
            return self.first_seconds
        doublings = min(restart - 2, _MAX_DOUBLINGS)
        return min(self.step_seconds * 2.0**doublings, self.max_seconds)


class RestartWindow:
    """Counts restarts in the last `period_seconds`, against an intensity.

    As in OTP, a restart that is exactly a period old still counts.
    """

    def __init__(self, intensity: int, period_seconds: float) -> None:
        self._intensity = intensity
        self._period_seconds = period_seconds
        self._times: deque[float] = deque()

    def admit(self, now: float) -> bool:
        """Count a restart at `now` (seconds); return whether the intensity still allows it."""
        self._times.append(now)
        while self._times[0] < now - self._period_seconds:
            self._times.popleft()
        return len(self._times) <= self._intensity
