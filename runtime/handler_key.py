"""What a handler's jobs are grouped by: `@app.job(key=...)` as a function of their args.

Rule: the key is text. A parameter's value, or what the function returns, becomes text by `str`, if
it is text, a whole number, a bool or a UUID; anything else would be a key by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from runtime.errors import UsageError
from runtime.handler_options import check_name
from runtime.handler_signature import Signature

KeyFunction = Callable[..., "str | int | UUID | None"]
"""Takes a job's args by name, defaults too; returns its key, or None for none."""


class KeySource:
    """Args: key: the name of a parameter, any other text, which is the key then, or a KeyFunction.

    Raises: UsageError.
    """

    def __init__(self, signature: Signature, key: str | KeyFunction) -> None:
        if not callable(key):
            check_name(f"{signature.kind}: key", key)
        self._signature = signature
        self._names = {parameter.name for parameter in signature.parameters}
        self._key = key

    def of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """The key of a job with these args. Raises: ArgsInvalid, UsageError."""
        if isinstance(self._key, str) and self._key not in self._names:
            return self._key
        given = self._signature.bind(args, kwargs)
        for parameter in self._signature.parameters:
            if parameter.default is not parameter.empty:
                given.setdefault(parameter.name, parameter.default)
        value = given.get(self._key) if isinstance(self._key, str) else self._call(given)
        return None if value is None else self._text(value)

    def _call(self, given: Mapping[str, Any]) -> Any:
        assert callable(self._key)
        try:
            return self._key(**given)
        except Exception as error:
            raise UsageError(
                f"{self._signature.kind}: its key function failed: {type(error).__name__}: {error}"
            ) from error

    def _text(self, value: object) -> str:
        if not isinstance(value, (str, int, UUID)):
            raise UsageError(
                f"{self._signature.kind}: {value!r:.200} cannot be a key; give text, a whole "
                f"number or a UUID"
            )
        return check_name(f"{self._signature.kind}: key", str(value))
