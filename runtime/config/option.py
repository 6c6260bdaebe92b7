"""An option: what the table in `runtime.config.table` says of each, and the names it goes by."""

from __future__ import annotations

from typing import Any

import attrs

from runtime.config.kinds import ValueKind
from runtime.config.secrets import mask
from runtime.errors import ConfigError

_METADATA_KEY = "headrace.option"
ENVIRONMENT_PREFIX = "HEADRACE_"


@attrs.frozen
class Option:
    """One option. Its names follow from the field's: `--lease-seconds`, `HEADRACE_LEASE_SECONDS`,
    and `lease_seconds` in TOML."""

    name: str
    kind: ValueKind
    default: Any
    help: str
    group: str
    secret: bool = False
    also_environment: tuple[str, ...] = ()  # further variables, asked after its own

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> tuple[str, ...]:
        """The variables that may set it; the first that is set wins."""
        return (ENVIRONMENT_PREFIX + self.name.upper(), *self.also_environment)

    def show(self, value: Any) -> str:
        """The value for people: a secret is masked."""
        shown = self.kind.show(value)
        return mask(shown) if self.secret else shown


@attrs.frozen
class _Declared:
    kind: ValueKind
    help: str
    group: str
    secret: bool
    also_environment: tuple[str, ...]


def option(
    default: Any,
    kind: ValueKind,
    help: str,  # noqa: A002 - the word for it
    *,
    group: str,
    secret: bool = False,
    also_environment: tuple[str, ...] = (),
) -> Any:
    """Declare a field of `Config` as an option; the field's converter checks whatever it is given.

    A bad value raises ConfigError with the option's name and what is allowed.
    """
    declared = _Declared(kind, help, group, secret, also_environment)
    return attrs.field(
        default=default,
        converter=attrs.Converter(_check, takes_field=True),
        repr=mask if secret else True,
        metadata={_METADATA_KEY: declared},
    )


def _check(value: object, field: attrs.Attribute[Any]) -> Any:
    declared: _Declared = field.metadata[_METADATA_KEY]
    try:
        return declared.kind.check(value)
    except ValueError as error:
        shown = "a secret that" if declared.secret else repr(value)
        raise ConfigError(f"{field.name} is {shown}, but must be {error}") from None


def options_of(cls: type[attrs.AttrsInstance]) -> tuple[Option, ...]:
    """The options that a class declares, in its order."""
    return tuple(_option(field) for field in attrs.fields(cls) if _METADATA_KEY in field.metadata)


def _option(field: attrs.Attribute[Any]) -> Option:
    declared: _Declared = field.metadata[_METADATA_KEY]
    return Option(
        name=field.name,
        kind=declared.kind,
        default=field.default,
        help=declared.help,
        group=declared.group,
        secret=declared.secret,
        also_environment=declared.also_environment,
    )
