"""What the children of a node are held to."""

from __future__ import annotations

import attrs

from runtime.lifecycle import DEFAULT_MAX_CRASHES


@attrs.frozen
class TenureSettings:
    """What a Worker's children are held to. Durations in seconds."""

    is_async: bool = False
    concurrency: int = 100  # runs at once in a child for async handlers
    timeout_seconds: float | None = 3600.0  # for handlers that have none of their own
    grace_seconds: float = 5.0  # from the exception in the handler to SIGKILL
    recycle_runs: int = 0  # a child that has run this many is replaced; 0: never
    recycle_mib: int = 0  # a child grown beyond this is replaced; 0: never
    max_crashes: int = DEFAULT_MAX_CRASHES  # for handlers that have none of their own

    def wear_of(self, served: int, rss_kib: int, worn: bool) -> str:
        """Why a child should be replaced: "runs", "memory", "nice", or "" if it need not."""
        if self.recycle_runs and served >= self.recycle_runs:
            return "runs"
        if self.recycle_mib and rss_kib >= self.recycle_mib * 1024:
            return "memory"
        return "nice" if worn else ""
