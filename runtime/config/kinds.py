"""What values an option may have: a small class for each kind, to read, check and show them.

Rules: `read` takes the text of a flag or of the environment; `check` takes a value that has a type
already, from TOML or from a caller of `Config`. Both raise ValueError with what is allowed, in
words that end the sentence "lease_seconds is 'x', but must be ...".
"""

from __future__ import annotations

import math
import re
from typing import Any, Protocol

import attrs

from runtime.config.queues import QueueLimit

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class ValueKind(Protocol):
    """See the module's docstring. `allowed` is for people; `metavar` stands for a value in help."""

    @property
    def allowed(self) -> str: ...
    @property
    def metavar(self) -> str: ...
    def read(self, raw: str) -> Any: ...
    def check(self, value: object) -> Any: ...
    def show(self, value: Any) -> str: ...


@attrs.frozen
class Text:
    """A string; of these choices, if there are any; matching the pattern, if there is one."""

    choices: tuple[str, ...] = ()
    pattern: str = ""
    means: str = "a string"
    metavar: str = "TEXT"

    @property
    def allowed(self) -> str:
        return f"one of {', '.join(self.choices)}" if self.choices else self.means

    def read(self, raw: str) -> str:
        return self.check(raw)

    def check(self, value: object) -> str:
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            raise ValueError(self.allowed)
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError(self.allowed)
        return value

    def show(self, value: str) -> str:
        return value


@attrs.frozen
class Number:
    """A number from `minimum` to `maximum`, or 0 where `zero` says what 0 means."""

    unit: str
    whole: bool = False
    minimum: float = 0
    maximum: float = math.inf
    zero: str = ""

    @property
    def metavar(self) -> str:
        return self.unit.upper()

    @property
    def allowed(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        upper = "" if math.isinf(self.maximum) else f" and at most {self.maximum:,.10g}"
        zero = f", or 0 ({self.zero})" if self.zero else ""
        return f"{noun} of {self.unit}, at least {self.minimum:,.10g}{upper}{zero}"

    def read(self, raw: str) -> float:
        try:
            number = int(raw) if self.whole else float(raw)
        except ValueError:
            raise ValueError(self.allowed) from None
        return self.check(number)

    def check(self, value: object) -> float:
        number = isinstance(value, int) or (isinstance(value, float) and not self.whole)
        if not number or isinstance(value, bool):
            raise ValueError(self.allowed)
        assert isinstance(value, int | float)
        if not (self.minimum <= value <= self.maximum or (self.zero and value == 0)):
            raise ValueError(self.allowed)
        if math.isinf(value):
            raise ValueError(self.allowed)
        return value if self.whole else float(value)

    def show(self, value: float) -> str:
        return f"{value:.10g}"


@attrs.frozen
class Switch:
    """On or off."""

    allowed: str = "true or false (also 1, 0, yes, no, on, off)"
    metavar: str = ""

    def read(self, raw: str) -> bool:
        word = raw.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(self.allowed)
        return word in _TRUE

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value

    def show(self, value: bool) -> str:
        return "true" if value else "false"


@attrs.frozen
class QueueLimits:
    """Queues to serve, each as `name[:limit][:weight=n]`."""

    allowed: str = (
        "queues as name or name:limit or name:limit:weight=n, separated by commas, each once; "
        "names of at most 127 characters, limits and weights of at least 1"
    )
    metavar: str = "QUEUE[:LIMIT][:weight=N],..."

    def read(self, raw: str) -> tuple[QueueLimit, ...]:
        return self._parse([part for part in raw.split(",") if part.strip()])

    def check(self, value: object) -> tuple[QueueLimit, ...]:
        if not isinstance(value, tuple | list):
            raise ValueError(f"a list of {self.allowed}")
        return self._parse(list(value))

    def _parse(self, parts: list[object]) -> tuple[QueueLimit, ...]:
        try:
            queues = tuple(QueueLimit.parse(part) for part in parts)
        except (TypeError, ValueError):
            raise ValueError(self.allowed) from None
        if not queues or len({queue.name for queue in queues}) < len(queues):
            raise ValueError(self.allowed)
        return queues

    def show(self, value: tuple[QueueLimit, ...]) -> str:
        return ",".join(map(str, value))
