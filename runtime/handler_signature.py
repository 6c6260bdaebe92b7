"""A handler's signature: which functions may be handlers, and what an enqueue may give them.

Rules: args travel by name, so `*args` is refused where the handler is decorated. A default is not
stored with the job: the handler that runs it decides. Annotations are looked up late, when a job is
made or run, since they may name what is defined further down.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime.errors import ArgsInvalid, UsageError
from runtime.injection_mark import injected

_EMPTY = inspect.Parameter.empty


class Signature:
    """What a function takes, in order, but for the first `given` parameters, which are no args.

    Raises: UsageError, for one that cannot be a handler.
    """

    def __init__(self, kind: str, function: Callable[..., Any], given: int = 0) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise UsageError(f"{kind} is a generator; a handler returns its output")
        self.kind = kind
        self._function = function
        whole = _without(signature_of(kind, function), given)
        self.parameters: tuple[inspect.Parameter, ...] = ()
        self.injected: tuple[inspect.Parameter, ...] = ()  # resources; no part of the args
        self.extra: inspect.Parameter | None = None  # **kwargs, if the handler has it
        for parameter in whole.parameters.values():
            self._add(parameter)
        args = [each for each in whole.parameters.values() if each not in self.injected]
        self._signature = whole.replace(parameters=args)

    def _add(self, parameter: inspect.Parameter) -> None:
        if parameter.default is injected:
            self._add_injected(parameter)
            return
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            raise UsageError(f"{self.kind} takes *{parameter.name}; args travel by name: list them")
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            self.extra = parameter
        else:
            self.parameters += (parameter,)

    def _add_injected(self, parameter: inspect.Parameter) -> None:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise UsageError(
                f"{self.kind}: {parameter.name} is injected, so it is given by name alone: "
                f"write a * before it"
            )
        self.injected += (parameter,)

    @property
    def positional(self) -> int:
        """How many parameters may be given by position; they come first."""
        keyword_only = inspect.Parameter.KEYWORD_ONLY
        return sum(parameter.kind is not keyword_only for parameter in self.parameters)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, by name. Raises: ArgsInvalid that names what is missing or unknown."""
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise ArgsInvalid(self.kind, str(error), str(self)) from None
        if self.extra is not None:
            given |= given.pop(self.extra.name, {})
        return given

    def annotation(self, parameter: inspect.Parameter) -> Any:
        """The type of a parameter, `Any` without annotation. Raises: UsageError, unresolvable."""
        hint = self._resolve(parameter.name, parameter.annotation)
        if hint is object or typing.get_origin(hint) is typing.Unpack:
            return Any
        return hint | None if _may_be_none(parameter, hint) else hint

    def returns(self) -> Any:
        """The type of the output, `Any` without annotation. Raises: UsageError, unresolvable."""
        return self._resolve("return", self._signature.return_annotation)

    def _resolve(self, name: str, annotation: Any) -> Any:
        return resolved(self.kind, self._function, name, annotation)

    def __str__(self) -> str:
        return str(self._signature)


def resolved(owner: str, function: Callable[..., Any], name: str, annotation: Any) -> Any:
    """The type that an annotation of `function` names, `Any` for none. Raises: UsageError."""
    if annotation is _EMPTY:
        return Any
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return typing.get_type_hints(holder, scope, include_extras=True)[name]
    except NameError as error:
        raise UsageError(
            f"{owner}: the annotation {annotation!r} of {name} needs a name that the "
            f"handler's module has not got when it runs: {error}"
        ) from error


def signature_of(kind: str, function: Callable[..., Any]) -> inspect.Signature:
    """What `inspect` says of a function. Raises: UsageError, where it cannot say anything."""
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{kind}: {function!r} cannot be a handler: {error}") from error


def _without(whole: inspect.Signature, given: int) -> inspect.Signature:
    return whole.replace(parameters=list(whole.parameters.values())[given:]) if given else whole


def _may_be_none(parameter: inspect.Parameter, hint: Any) -> bool:
    """Whether None is to be let through, as in `path: str = None`."""
    return parameter.default is None and hint is not Any
