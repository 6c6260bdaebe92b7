"""A job's payloads as they are shown: by `Client.get`, `job show`, `job list`.

Rule: a look never fails for what it looks at. Whoever enqueues by SQL may write what PostgreSQL
takes and the guard does not: nesting of thousands of levels, numbers of thousands of digits. What
cannot be read has the key UNREADABLE, which says why, and beside it the beginning of its text.
"""

from __future__ import annotations

from typing import Any

import msgspec

from runtime.payload import MAX_DEPTH

UNREADABLE = "(unreadable)"
_BEGINNING = 200  # characters


def readable(text: str) -> Any:
    """JSON text of the database as Python values."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return _unreadable(str(error), text)
    # What can be read may still be too deep to be written again, by another's JSON library or ours.
    if text.count("[") + text.count("{") > MAX_DEPTH and not _is_flat(value, MAX_DEPTH):
        return _unreadable(f"nested deeper than {MAX_DEPTH} levels", text)
    return value


def _is_flat(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_is_flat(each, levels - 1) for each in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_is_flat(each, levels - 1) for each in value)
    return True


def _unreadable(reason: str, text: str) -> dict[str, str]:
    return {UNREADABLE: reason, "text": text[:_BEGINNING]}
