"""A child's life, from birth to exit."""

from __future__ import annotations

import atexit
import os
import socket
import sys
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from runtime.child.birth import Birth, become_child
from runtime.child.capture import capture_logging
from runtime.child.copies import silence_copies
from runtime.child.ending import Judge
from runtime.child.handler import HandlerSource
from runtime.child.page import RunPage
from runtime.child.settings import ChildSettings
from runtime.child.sync_loop import SyncLoop

if TYPE_CHECKING:
    from runtime.child.async_loop import AsyncLoop

# The stream to the Worker broke, or the child could not be set up (EX_SOFTWARE of sysexits.h).
EXIT_BROKEN = 70


def live(birth: Birth, app: HandlerSource, settings: ChildSettings) -> NoReturn:
    """Be a child until its Worker closes the stream, then exit.

    Exits by os._exit, since a forked process must not do the fork server's own clean-up; what was
    registered with atexit in this child is run. Why it broke is left in the file of its stacks.
    """
    status = EXIT_BROKEN
    try:
        become_child(birth, settings)
        _serve(birth, app, settings)
        status = 0
    except BaseException:
        os.write(birth.stack_fd, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        _leave(status)


def _serve(birth: Birth, app: HandlerSource, settings: ChildSettings) -> None:
    sock = socket.socket(fileno=birth.socket_fd)
    silence_copies(sock)
    capture_logging()
    loop = _loop_class(birth.is_async)
    loop(sock, RunPage(birth.page_fd), app, Judge(settings)).run()


def _loop_class(is_async: bool) -> type[SyncLoop | AsyncLoop]:
    if not is_async:
        return SyncLoop
    # asyncio costs 30 ms and 5 MiB: only for those that need it.
    from runtime.child.async_loop import AsyncLoop

    return AsyncLoop


def import_loops(are_async: Iterable[bool]) -> None:
    """Before any fork: import what children of these sorts will need."""
    for is_async in set(are_async):
        _loop_class(is_async)


def _leave(status: int) -> NoReturn:
    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    finally:
        os._exit(status)
