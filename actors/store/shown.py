"""Queues and nodes, as people and metrics are shown them."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen
class QueueInfo:
    """A queue, as shown."""

    name: str
    paused_at: datetime | None
    available: int
    running: int
    oldest_age_seconds: float | None  # of the job that has been available for longest


@attrs.frozen
class NodeRow:
    """A node, as shown."""

    id: int
    name: str
    host: str
    pid: int
    version: str
    queues: tuple[str, ...]
    workers: int
    started_at: datetime
    heartbeat_at: datetime
    expires_at: datetime
    live: bool
    leader: bool
    running: int
    kinds: tuple[str, ...] | None = None  # that its app has handlers for; None: it has not said yet
