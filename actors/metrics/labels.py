"""Label values, bounded: the first so many that are seen keep their names, the rest are "other"."""

from __future__ import annotations

OTHER = "other"
# A kind has some 20 series (counters and buckets): 100 kinds make a scrape of about 200 kB.
MAX_VALUES = 100


class BoundedLabel:
    """Maps a value to itself while there is room for it, and to "other" from then on."""

    def __init__(self, limit: int = MAX_VALUES) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= self._limit:
            return OTHER
        self._known.add(value)
        return value
