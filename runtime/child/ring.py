"""Where a ring has struck: the question on which it depends whether it may raise.

A signal handler written in Python runs between any two instructions of the main thread, in our own
code and asyncio's as well as in a handler. What it raises there would break a loop. So it raises
only if the handler's call is on the stack: then the error meets that call's own `except`, whatever
instruction was hit, and nothing else.
"""

from __future__ import annotations

from types import CodeType, FrameType


def struck_within(code: CodeType, frame: FrameType | None) -> bool:
    """Whether the interrupted `frame` is that of a function with this code, or was called by it."""
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False
