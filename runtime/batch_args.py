"""The args of a batch handler's jobs: what `list[BatchJob[Args]]` says of them.

Rules: Args is a class with fields (dataclass, attrs, Struct, TypedDict), or a dict; its fields are
the members of each job's args. A job is enqueued with an Args, or with its fields by name. The
annotation is looked up late, as all are.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import msgspec.inspect

from runtime import payload
from runtime.batch_job import BatchJob
from runtime.convert import object_decoder
from runtime.errors import ArgsInvalid, UsageError
from runtime.handler_signature import Signature

_CLASSES = (
    msgspec.inspect.StructType,
    msgspec.inspect.DataclassType,
    msgspec.inspect.TypedDictType,
)
_EXAMPLE = "def handle(jobs: list[BatchJob[Args]]) -> list[...]"


class BatchArgs:
    """Args: signature: of the handler."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def check(self) -> None:
        """Refuse a function that takes more than its jobs. Raises: UsageError."""
        signature = self._signature
        only = signature.positional == len(signature.parameters) == 1
        if not only or signature.extra is not None:
            raise UsageError(
                f"{signature.kind}{signature}: a batch handler takes its jobs, and resources: "
                f"{_EXAMPLE}"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {"_signature": self._signature}  # what was looked up does not cross processes

    @cached_property
    def _model(self) -> Any:
        hint = self._signature.annotation(self._signature.parameters[0])
        inner = typing.get_args(hint)[0] if typing.get_origin(hint) in (list, Sequence) else None
        if inner is BatchJob:
            return dict[str, Any]
        if typing.get_origin(inner) is not BatchJob:
            raise UsageError(
                f"{self._signature.kind}{self._signature}: a batch handler takes a list of "
                f"BatchJob: {_EXAMPLE}"
            )
        return typing.get_args(inner)[0]

    @cached_property
    def fields(self) -> Signature:
        """Its fields, as the parameters of a plain handler would be. Raises: UsageError."""
        kind = self._signature.kind
        try:
            info = msgspec.inspect.type_info(self._model)
        except TypeError as error:
            raise UsageError(
                f"{kind}: {self._model!r} cannot be read from JSON: {error}"
            ) from error
        parameters = []
        if isinstance(info, _CLASSES):
            parameters = [_parameter(field) for field in info.fields]
        elif isinstance(info, (msgspec.inspect.DictType, msgspec.inspect.AnyType)):
            parameters = [inspect.Parameter("args", inspect.Parameter.VAR_KEYWORD)]
        else:
            raise UsageError(f"{kind}: {self._model!r} has no fields; args are a JSON object")

        def taken(**_args: Any) -> None:
            """Stands for the fields."""

        taken.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return Signature(kind, taken)

    def decoder(self) -> Callable[[str], Any]:
        """A function from a job's args as JSON text to an Args. It raises ArgsInvalid.

        Raises: UsageError, for an annotation that JSON cannot give.
        """
        return object_decoder(self.fields, self._model)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was given at an enqueue, by field. Raises: ArgsInvalid, PayloadInvalid."""
        if len(args) == 1 and not kwargs:
            members: Mapping[str, Any] = msgspec.json.decode(payload.encode("args", args[0]))
            return members
        if args:
            reason = "give the job's args as one object, or its fields by name"
            raise ArgsInvalid(self._signature.kind, reason, str(self.fields))
        return self.fields.bind((), kwargs)


def _parameter(field: msgspec.inspect.Field) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.required else field.default
    if default is msgspec.NODEFAULT:
        default = None
    return inspect.Parameter(field.encode_name, inspect.Parameter.KEYWORD_ONLY, default=default)
