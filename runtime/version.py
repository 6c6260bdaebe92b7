"""The version of this program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def our_version() -> str:
    """The version of the installed distribution; "0+checkout" where none is installed."""
    try:
        return version("headrace")
    except PackageNotFoundError:
        return "0+checkout"
