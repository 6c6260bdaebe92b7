"""An operation of an async workflow: to be awaited, or given to `ctx.gather`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from runtime.workflow.async_driving import drive
from runtime.workflow.flow import Flow
from runtime.workflow.strand import Strand

T = TypeVar("T")


class Operation(Generic[T]):
    """What the methods of an AsyncContext return. Nothing is done before it is awaited."""

    __slots__ = ("_make", "_strand", "_what")

    def __init__(self, strand: Strand, make: Callable[[Strand], Flow[T]], what: str) -> None:
        self._strand = strand
        self._make: Callable[[Strand], Flow[T]] | None = make
        self._what = what

    def __await__(self) -> Generator[Any, Any, T]:
        strand = self._strand
        return drive(strand, self.taken()(strand)).__await__()

    def taken(self) -> Callable[[Strand], Flow[T]]:
        """What makes its flow. It can be had once."""
        make, self._make = self._make, None
        if make is None:
            raise RuntimeError(f"{self._what} was awaited already")
        return make

    def __del__(self) -> None:
        if getattr(self, "_make", None) is not None:
            warnings.warn(f"{self._what} was never awaited", RuntimeWarning, stacklevel=2)
