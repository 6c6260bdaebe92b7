"""Batch: how the jobs of a kind are gathered for one call of a batch handler. Data; pure.

    @app.job(batch=Batch(max_jobs=100, wait_ms=50, by_key=True))
    def index(jobs: list[BatchJob[Page]]) -> list[int]: ...

Rules: jobs of a batch are of one kind, and with `by_key` of one key. Each keeps its own run, its
attempts, its failures and its outcome. A job that has been in a run whose process died is gathered
with nobody: so the others are told from the one that kills, and do not pay for it again.
"""

from __future__ import annotations

import msgspec

from runtime.errors import UsageError
from runtime.showing import shown

MAX_JOBS = 1_000  # of a batch: what one claim takes at most, and a frame's worth of outcomes
MAX_WAIT_MS = 60_000.0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs are handed to a batch handler at once, and how long is waited for them.

    Args: max_jobs: a call gets at most so many, 1 to 1,000. wait_ms: from the moment that a node
    has the first of them, for so many milliseconds others may join; a full batch does not wait.
    by_key: only jobs of the same key are in one batch; those without a key have each other.
    Raises: UsageError.
    """

    max_jobs: int = 100
    wait_ms: float = 50.0
    by_key: bool = False

    def __post_init__(self) -> None:
        _check("max_jobs", self.max_jobs, 1, MAX_JOBS, int)
        _check("wait_ms", self.wait_ms, 0, MAX_WAIT_MS, int, float)

    @property
    def wait_seconds(self) -> float:
        return self.wait_ms / 1000


def _check(name: str, value: object, low: float, high: float, *kinds: type) -> None:
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    if fits and low <= value <= high:  # type: ignore[operator]
        return
    what = "a whole number" if float not in kinds else "a number"
    raise UsageError(f"{name} is {what} from {low:g} to {high:g}, not {shown(value)}")
