"""What the children of a node are held to."""

from __future__ import annotations

import attrs


@attrs.frozen
class TenureSettings:
    """What a Worker's children are held to. Durations in seconds."""

    is_async: bool = False
    concurrency: int = 100  # runs at once in a child for async handlers
    timeout_seconds: float | None = 3600.0  # for handlers that have none of their own
    grace_seconds: float = 5.0  # from the exception in the handler to SIGKILL
    recycle_runs: int = 0  # a child that has run this many is replaced; 0: never
    recycle_mib: int = 0  # a child grown beyond this is replaced; 0: never
