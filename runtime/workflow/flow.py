"""Operations of a workflow as generators, which know neither threads nor an event loop.

An operation yields what it needs done and is sent what came of it: sync and async contexts drive
the same generators.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

import attrs

T = TypeVar("T")


@attrs.define(eq=False)
class Wait:
    """Wait for the answer to an ask. `ticket`: what the desk gave for it."""

    ticket: Any


@attrs.define(eq=False)
class Call:
    """Call the user's function; raise in the generator what it raises. `timeout` in seconds."""

    function: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = attrs.field(factory=dict)
    timeout: float | None = None


@attrs.define(eq=False)
class Nap:
    """Go on after so many seconds."""

    seconds: float


Effect = Wait | Call | Nap
Flow = Generator[Effect, Any, T]
