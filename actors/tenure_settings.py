"""What the children of a node are held to."""

from __future__ import annotations

import attrs

from runtime.lifecycle import DEFAULT_MAX_CRASHES

# After a child's death, how long to wait for the end of what it had written: a process that it left
# behind may hold the socket open, so the end may never come.
LAST_WORDS_SECONDS = 0.1

# A child that holds runs, has begun none and says nothing for this long never will: it was stopped,
# or a thread that a handler left behind holds the GIL. Otherwise it takes 0.1 ms.
STUCK_SECONDS = 10.0

# How long a child that has taken too much memory may take to tell where it is: it takes more.
SHORT_DUMP_SECONDS = 0.1


@attrs.frozen
class TenureSettings:
    """What a Worker's children are held to. Durations in seconds."""

    is_async: bool = False
    beside: bool = False  # its runs are light workflows, several a core
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
