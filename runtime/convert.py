"""JSON to Python: a job's args to its handler's annotations, its output to the return annotation.

Rules: what a type cannot be read back from JSON is refused when the handler is prepared (at `serve`
or at the first enqueue), not at its first job. Encoding is `runtime.payload`; the two agree on the
types that are not JSON's own: msgspec's (datetime, UUID, Decimal, Enum, bytes as base64, dataclass,
attrs, Struct, set, tuple ...) and paths as text.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import GenericAlias
from typing import Any

import msgspec
import msgspec.inspect

from runtime.errors import ArgsInvalid, OutputInvalid, UsageError
from runtime.handler_signature import Signature

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

# Defaults that a Struct may hold by value; any other is handed on as the very object it is.
_PLAIN = (type(None), bool, int, float, str, bytes)
_as_tuple = msgspec.structs.astuple
_load_object = msgspec.json.Decoder(dict[str, Any]).decode


def args_decoder(signature: Signature) -> Callable[[str], Arguments]:
    """A function from args as JSON text to what to call the handler with.

    It takes about half a microsecond for a few plain args. It raises ArgsInvalid, which names the
    argument and the path in it. Raises: UsageError, for an annotation that JSON cannot give.
    """
    fields = [_field(signature, parameter) for parameter in signature.parameters]
    extra = None if signature.extra is None else signature.annotation(signature.extra)
    _check(signature.kind, [hint for _, hint, _ in fields] + ([] if extra is None else [extra]))
    model = msgspec.defstruct("Args", fields, kw_only=True, forbid_unknown_fields=extra is None)
    if extra is None:
        return _exact(signature, model)
    return _open_ended(signature, model, extra)


def _field(signature: Signature, parameter: inspect.Parameter) -> tuple[str, Any, Any]:
    default = parameter.default
    if default is inspect.Parameter.empty:
        default = msgspec.NODEFAULT
    elif type(default) not in _PLAIN:
        default = msgspec.field(default_factory=_always(default))
    return parameter.name, signature.annotation(parameter), default


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


def _exact(signature: Signature, model: type[msgspec.Struct]) -> Callable[[str], Arguments]:
    load = msgspec.json.Decoder(model, dec_hook=_from_json).decode
    positional = signature.positional
    names = tuple(parameter.name for parameter in signature.parameters)[positional:]

    def decode(text: str) -> Arguments:
        try:
            values = _as_tuple(load(text))
        except (msgspec.DecodeError, RecursionError) as error:
            raise ArgsInvalid(signature.kind, str(error), str(signature)) from error
        if not names:
            return values, {}
        return values[:positional], dict(zip(names, values[positional:], strict=True))

    return decode


def _open_ended(
    signature: Signature, model: type[msgspec.Struct], extra: Any
) -> Callable[[str], Arguments]:
    """For a handler with **kwargs, whose args are read in two steps."""
    exact = _exact(signature, model)
    names = frozenset(parameter.name for parameter in signature.parameters)

    def decode(text: str) -> Arguments:
        args, kwargs = exact(text)
        try:
            others = {name: v for name, v in _load_object(text).items() if name not in names}
            kwargs |= msgspec.convert(
                others, GenericAlias(dict, (str, extra)), dec_hook=_from_json, str_keys=True
            )
        except (msgspec.DecodeError, RecursionError) as error:
            raise ArgsInvalid(signature.kind, str(error), str(signature)) from error
        return args, kwargs

    return decode


def output_decoder(signature: Signature, *, of_each: bool = False) -> Callable[[str | None], Any]:
    """A function from an output as JSON text to the handler's return annotation, or to its items'.

    Where the annotation is missing, cannot be looked up here or is not JSON's, the output is given
    as plain JSON values. It raises OutputInvalid.
    """
    try:
        hint = signature.returns()
        if of_each:
            hint = (*typing.get_args(hint), Any)[0]
        _check(signature.kind, [hint])
    except UsageError:
        hint = Any  # the reader need not know what the handler's own process knows
    load = msgspec.json.Decoder(hint, dec_hook=_from_json).decode

    def decode(text: str | None) -> Any:
        try:
            return None if text is None else load(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise OutputInvalid(f"the output of {signature.kind}: {error}") from error

    return decode


def _from_json(wanted: type[Any], value: Any) -> Any:
    """For the types that msgspec leaves to us; a ValueError or TypeError gets its path from it."""
    return wanted(value)  # a path: `_check` lets nothing else through


def _check(kind: str, hints: list[Any]) -> None:
    try:
        refused = next(_unreadable(msgspec.inspect.multi_type_info(hints)), None)
    except TypeError as error:
        raise UsageError(f"{kind}: an annotation cannot be read from JSON: {error}") from error
    if refused is not None:
        raise UsageError(
            f"{kind}: {refused!r} in an annotation cannot be read from JSON; "
            f"take a dataclass, an attrs class or plain values"
        )


def _unreadable(nodes: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """The custom types in a tree of msgspec's type descriptions that `_from_json` cannot make."""
    seen = set() if seen is None else seen
    for node in nodes:
        if isinstance(node, tuple):
            yield from _unreadable(node, seen)
        elif isinstance(node, msgspec.Struct) and id(node) not in seen:
            seen.add(id(node))
            if isinstance(node, msgspec.inspect.CustomType) and not _readable(node.cls):
                yield node.cls
            yield from _unreadable(_as_tuple(node), seen)


def _readable(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, PurePath)


def object_decoder(signature: Signature, model: Any) -> Callable[[str], Any]:
    """A function from args as JSON text to one object, of a type whose fields they are.

    It raises ArgsInvalid. Raises: UsageError, for a type that JSON cannot give.
    """
    _check(signature.kind, [model])
    load = msgspec.json.Decoder(model, dec_hook=_from_json).decode

    def decode(text: str) -> Any:
        try:
            return load(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ArgsInvalid(signature.kind, str(error), str(signature)) from error

    return decode
