"""An app with two million objects and 100 MiB: what a fork must not copy."""

from tests.child.apps import app

WEIGHT = [[n] for n in range(1_000_000)]
BALLAST = bytearray(100 * 1024 * 1024)
BALLAST[::4096] = b"x" * len(BALLAST[::4096])

__all__ = ["app"]
