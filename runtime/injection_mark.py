"""The marker of a parameter that is no part of a job's args: the child gives it a resource."""

from __future__ import annotations

from typing import Any


class _Injected:
    """See `injected`."""

    def __repr__(self) -> str:
        return "injected"

    def __reduce__(self) -> str:
        return "injected"  # stays itself across processes


injected: Any = _Injected()
"""The default of a handler's parameter that is a resource: `*, model: Model = injected`."""
