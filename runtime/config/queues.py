"""A queue to serve, with the most jobs of it that this node runs at once, and its weight."""

from __future__ import annotations

import re

import attrs

ANY_QUEUE = "*"
"""Instead of a name: whatever queues there are."""

# As at enqueue, but without what separates queues here. `name:7` is queue `name` with a limit,
# `name:weight=3` one with a weight, `name:7:weight=3` one with both.
_QUEUE = re.compile(
    r"(?P<name>[^,:\x00-\x1f][^,\x00-\x1f]{0,126}?)"
    r"(:(?P<limit>[0-9]{1,9}))?(:weight=(?P<weight>[0-9]{1,4}))?"
)


@attrs.frozen
class QueueLimit:
    """A queue's name, how many of its jobs this node runs at once (None: as many as fit), and its
    weight: where several queues have work, free places are shared by weight."""

    name: str
    limit: int | None = None
    weight: int = 1

    @classmethod
    def parse(cls, raw: object) -> QueueLimit:
        """From `name[:limit][:weight=n]`, or a QueueLimit. Raises ValueError or TypeError."""
        if isinstance(raw, QueueLimit):
            return raw
        if not isinstance(raw, str):
            raise TypeError(f"not a queue: {raw!r}")
        found = _QUEUE.fullmatch(raw.strip())
        if found is None or any(part and not int(part) for part in found.group("limit", "weight")):
            raise ValueError(f"not a queue: {raw!r}")
        limit, weight = found["limit"], found["weight"]
        return cls(found["name"], int(limit) if limit else None, int(weight) if weight else 1)

    def __str__(self) -> str:
        limit = "" if self.limit is None else f":{self.limit}"
        return self.name + limit + ("" if self.weight == 1 else f":weight={self.weight}")
