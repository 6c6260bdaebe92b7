"""Reads `schema/`: its statements, one a file, named as the method that runs it.

Rule: no SQL text anywhere else. Names in it are unqualified: the connection's search_path is the
namespace. What several statements have in common lies in `schema/parts`, and stands in them as a
comment that names it: `/* part: job_filter */`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

SCHEMA = Path(__file__).parents[1] / "schema"
"""Where migrations and queries lie, in a checkout as in an installed wheel."""

_PART = re.compile(r"/\* part: (\w+) \*/")


@cache
def load(name: str) -> str:
    """The statement `name`, with its parts, without its head (the comment lines before it).

    Raises: FileNotFoundError, if there is none.
    """
    text = _body(SCHEMA / "queries" / f"{name}.sql")
    return _PART.sub(lambda found: _body(SCHEMA / "parts" / f"{found[1]}.sql"), text)


def _body(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    body = next(number for number, line in enumerate(lines) if _is_code(line))
    return "\n".join(lines[body:]).rstrip().removesuffix(";")


@cache
def newest_migration() -> int:
    """The number of the newest migration that this version brings."""
    files = (SCHEMA / "migrations").glob("[0-9]*_*.sql")
    return max(int(file.name.partition("_")[0]) for file in files)


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("--")
