"""Which files are surveyed: the standard library of the Python that runs this, but its tests."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

# Tests and their data, other people's packages, and what is no source of the library.
_LEFT_OUT = frozenset(
    {"__pycache__", "dist-packages", "idle_test", "site-packages", "test", "tests", "turtledemo"}
)


def library() -> Path:
    """The folder of the standard library."""
    return Path(sysconfig.get_path("stdlib")).resolve()


def modules(limit: int | None = None) -> list[str]:
    """The paths of the library's modules, relative to `library()`, in a fixed order.

    limit: only so many of them, spread evenly.
    """
    root = library()
    found = []
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in _LEFT_OUT]
        found += [
            (Path(folder) / file).relative_to(root).as_posix()
            for file in files
            if file.endswith(".py")
        ]
    found.sort()
    if limit is None or limit >= len(found):
        return found
    return [found[index * len(found) // limit] for index in range(limit)]
