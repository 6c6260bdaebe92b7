"""What ends a demo."""

from __future__ import annotations


class DemoFailed(Exception):
    """Something did not come out as it should. Its text is for the person at the terminal."""
