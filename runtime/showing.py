"""A value in a message: short, whatever it is and whatever its own repr would do."""

from __future__ import annotations

import reprlib

from runtime.errors import HeadraceError, Interrupted

# Characters of a text, and of what has a repr of its own.
_LONGEST = 80
# Python refuses to write out integers of more than 4,300 digits.
_MOST_BITS = 256


class _Short(reprlib.Repr):
    """Takes at most some hundred characters, and time that does not grow with the value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = _LONGEST

    def repr_int(self, x: int, level: int) -> str:
        """As it is, or how large it is."""
        bits = x.bit_length()
        return repr(x) if bits <= _MOST_BITS else f"<an integer of {bits:,} bits>"


shown = _Short().repr
"""`repr` of a value, in short."""


def class_name(kind: type[BaseException]) -> str:
    """An error's class: builtin and our own by their bare name, others with their module."""
    ours = issubclass(kind, HeadraceError | Interrupted)
    if ours or kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
