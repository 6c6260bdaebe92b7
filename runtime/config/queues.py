"""A queue to serve, with the most jobs of it that this node runs at once."""

from __future__ import annotations

import re

import attrs

# As at enqueue, but without what separates queues here. `name:7` is queue `name` with a limit.
_QUEUE = re.compile(r"(?P<name>[^,:\x00-\x1f][^,\x00-\x1f]{0,126}?)(:(?P<limit>[0-9]{1,9}))?")


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
        found = _QUEUE.fullmatch(raw.strip())
        if found is None or found["limit"] == "0":
            raise ValueError(f"not a queue: {raw!r}")
        return cls(found["name"], int(found["limit"]) if found["limit"] else None)

    def __str__(self) -> str:
        return self.name if self.limit is None else f"{self.name}:{self.limit}"
