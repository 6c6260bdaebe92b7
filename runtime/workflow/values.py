"""What a step's function gives, as it comes back at replay: by the function's return annotation.

Rule: the run in which a step is done sees the same value as every replay: one that has been
through JSON.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from runtime.convert import output_decoder
from runtime.errors import UsageError
from runtime.handler_signature import Signature

Reader = Callable[[str | None], Any]


def plain(text: str | None) -> Any:
    """JSON values."""
    return None if text is None else msgspec.json.decode(text)


def reader_of(function: Callable[..., Any]) -> Reader:
    """From a step's output as JSON text to what its function's annotation says."""
    function = inspect.unwrap(_unbound(function))
    annotations = getattr(function, "__annotations__", None)
    if not annotations or "return" not in annotations:
        return plain
    try:
        return _annotated(function)
    except TypeError:  # it cannot be hashed
        return plain


def _unbound(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__func__", function)


@functools.lru_cache(maxsize=1024)
def _annotated(function: Callable[..., Any]) -> Reader:
    try:
        return output_decoder(_Output(function))
    except UsageError:
        return plain


class _Output(Signature):
    """The signature of a function that is no handler: its output alone counts."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.kind = getattr(function, "__name__", "a step")
        self._function = function
        self._signature = inspect.Signature(
            return_annotation=function.__annotations__.get("return", inspect.Signature.empty)
        )
