"""What a child needs of an app. `runtime.app.App` keeps it; so may anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from runtime.failure_policy import ErrorHook
from runtime.injection.resource import Resource
from runtime.job import KindInfo


class Callee(Protocol):
    """What a loop calls: a handler, or a batch."""

    def call(self, args_json: str, /) -> Any:
        """Decode the args and call the user's function; its awaitable, if it is async."""


class Handler(Callee, Protocol):
    """One kind's handler."""

    @property
    def kind(self) -> str: ...

    @property
    def is_async(self) -> bool: ...

    @property
    def namespace(self) -> str: ...

    def info(self) -> KindInfo:
        """What the node must know of it."""

    def encode_output(self, value: Any, /) -> str | None:
        """The value as JSON text; None for None. Raises what the encoder raises."""

    def backoff_for(self, attempt: int, error: BaseException, /) -> float | None:
        """Seconds until the next attempt by the handler's own function, or None if it has none."""

    def gives_up_on(self, error: BaseException, /) -> bool:
        """Whether such an error is not retried, whatever attempts are left."""

    @property
    def error_hooks(self) -> Sequence[ErrorHook]:
        """Who is told of an error, in this order."""


class HandlerSource(Protocol):
    """An app, as a child sees it."""

    @property
    def handlers(self) -> Mapping[str, Handler]: ...


def eager_of(app: HandlerSource, *, is_async: bool) -> Sequence[Resource]:
    """What a child for handlers of this sort sets up before its first run; an app may have none."""
    eager = getattr(app, "eager", None)
    return [] if eager is None else eager(is_async)
