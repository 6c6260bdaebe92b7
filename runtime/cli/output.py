"""Prints what a command found: a table for people, JSON for programs.

Rule: stdout carries the answer and nothing else; what is said about it goes to stderr.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

_GAP = "  "
NOTHING = "-"
# What moves a terminal's cursor, breaks a line or turns text around. Names come from strangers.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def print_json(content: Any) -> None:
    """One JSON document, indented. Structs, attrs classes, UUIDs, times and enums are known."""
    click.echo(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def print_json_list(items: Iterable[Any]) -> None:
    """The same, of a list, item by item: it may be larger than memory."""
    before = "[\n"
    for item in items:
        text = msgspec.json.format(msgspec.json.encode(item), indent=2).decode()
        click.echo(before + textwrap.indent(text, "  "), nl=False)
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns under their names; no rows: the names alone."""
    cells = [list(columns), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = _GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def print_fields(fields: Mapping[str, object]) -> None:
    """One `name  value` a line, aligned."""
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{name.ljust(width)}{_GAP}{cell(value)}")


def say(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(f"headrace: {printable(text)}", err=True)


def printable(text: str) -> str:
    """The text on one line, as it is, but for what a terminal would not show: that is escaped."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cell(value: object) -> str:
    """A value in a table: times in UTC to the second, nothing as a dash."""
    if value is None or value in ("", ()):
        return NOTHING
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, tuple | list):
        return printable(",".join(map(str, value)))
    return printable(str(value))
