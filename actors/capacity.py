"""How many jobs a Worker holds at once, learned from how long its runs take.

Short jobs are handed ahead so that neither the way to the child nor the claim shows; a long job is
alone, so that another core, or another node, can take the next. Pure: durations in, a number out.
"""

from __future__ import annotations

# Work handed ahead, as seconds of it. A claim and an ack of a full batch take 5 to 40 ms here;
# twice that keeps a child busy meanwhile, and no job waits longer than this behind others.
HORIZON_SECONDS = 0.080
# Free places are filled by one claim when half of them are free: each claim costs a millisecond of
# CPU. With so many free it costs little a job, and there is nothing to wait for.
REFILL_PLACES = 16
# What a run costs beside its handler: frames, shared memory, two switches. Measured 25 to 40 us.
OVERHEAD_SECONDS = 0.000_030
# A child never holds more than this many jobs: beyond it batches grow but the rate does not.
MAX_HELD = 1024
# A run at least this long is alone in its child; the 2 to 4 ms of a claim are then under 0.5 %.
ALONE_SECONDS = 1.0
# Weight of the newest duration. One slow run in a hundred hardly shows, ten in a row do.
WEIGHT = 0.1


class Capacity:
    """The adaptive number of places of one child that runs one handler at a time."""

    def __init__(self) -> None:
        self._mean: float | None = None

    @property
    def mean_seconds(self) -> float | None:
        """The moving mean of a run's duration; None before the first one."""
        return self._mean

    def observe(self, seconds: float) -> None:
        """A run took this long, from begin to end of its handler."""
        if self._mean is None:
            self._mean = seconds
        elif seconds > ALONE_SECONDS:  # a long one changes our mind at once
            self._mean = max(self._mean, seconds)
        else:
            self._mean += WEIGHT * (seconds - self._mean)

    @property
    def places(self) -> int:
        """How many jobs to hold: 1 for long or unknown ones, up to MAX_HELD for tiny ones."""
        if self._mean is None or self._mean >= ALONE_SECONDS:
            return 1
        return min(MAX_HELD, 1 + max(1, int(HORIZON_SECONDS / (self._mean + OVERHEAD_SECONDS))))

    @property
    def refill(self) -> int:
        """How many places should be free before they are filled."""
        return max(1, min(REFILL_PLACES, self.places // 2))

    @property
    def patience_seconds(self) -> float:
        """How long a run may last before the jobs handed ahead behind it are taken back."""
        expected = 0.0 if self._mean is None else self._mean
        return max(HORIZON_SECONDS, 3 * expected)
