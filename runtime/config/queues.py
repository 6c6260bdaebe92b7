"""A queue to serve, with the most jobs of it that this node runs at once."""

from __future__ import annotations

import re

import attrs

_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@attrs.frozen
class QueueLimit:
    """A queue's name and how many of its jobs this node runs at once (None: as many as fit)."""

    name: str
    limit: int | None = None

    @classmethod
    def parse(cls, raw: object) -> QueueLimit:
        """From `name`, `name:limit`, or a QueueLimit. Raises ValueError or TypeError."""
        if isinstance(raw, QueueLimit):
            return raw
        if not isinstance(raw, str):
            raise TypeError(f"not a queue: {raw!r}")
        name, colon, limit = raw.strip().partition(":")
        if not _QUEUE.fullmatch(name) or (colon and int(limit) < 1):
            raise ValueError(f"not a queue: {raw!r}")
        return cls(name, int(limit) if colon else None)

    def __str__(self) -> str:
        return self.name if self.limit is None else f"{self.name}:{self.limit}"
