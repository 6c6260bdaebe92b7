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

    Args: max_jobs: a call gets at most so many, 1 to 1,000. wait_ms: from the moment that a node has
    the first of them, for so many milliseconds others may join; a full batch does not wait. by_key:
    only jobs of the same key are in one batch; those without a key have each other.
    Raises: UsageError.
    """

    max_jobs: int = 100
    wait_ms: float = 50.0
    by_key: bool = False

    def __post_init__(self) -> None:
        whole = isinstance(self.max_jobs, int) and not isinstance(self.max_jobs, bool)
        if not whole or not 1 <= self.max_jobs <= MAX_JOBS:
            raise UsageError(
                f"max_jobs is a whole number from 1 to {MAX_JOBS}, not {shown(self.max_jobs)}"
            )
        if not isinstance(self.wait_ms, (int, float)) or not 0 <= self.wait_ms <= MAX_WAIT_MS:
            raise UsageError(f"wait_ms is from 0 to {MAX_WAIT_MS:g}, not {shown(self.wait_ms)}")

    @property
    def wait_seconds(self) -> float:
        return self.wait_ms / 1000
