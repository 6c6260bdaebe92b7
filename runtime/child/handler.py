"""What a child needs of an app. `runtime.app.App` keeps it; so may anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from runtime.job import KindInfo


class Handler(Protocol):
    """One kind's handler."""

    @property
    def kind(self) -> str: ...

    @property
    def is_async(self) -> bool: ...

    def info(self) -> KindInfo:
        """What the node must know of it."""

    def call(self, args_json: str, /) -> Any:
        """Decode the args and call the user's function; its awaitable, if it is async."""

    def encode_output(self, value: Any, /) -> str | None:
        """The value as JSON text; None for None. Raises what the encoder raises."""

    def backoff_for(self, attempt: int, error: BaseException, /) -> float | None:
        """Seconds until the next attempt by the handler's own function, or None if it has none."""


class HandlerSource(Protocol):
    """An app, as a child sees it."""

    @property
    def handlers(self) -> Mapping[str, Handler]: ...
