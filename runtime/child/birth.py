"""A new process becomes a child: whatever must be so before it meets its first run.

Rule: nothing here touches the socket's stream. All of it holds for both start methods.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import os
import random
import resource
import signal
import sys
from types import FrameType

import msgspec

from runtime.child import kernel
from runtime.child.settings import ChildSettings


class Birth(msgspec.Struct, frozen=True):
    """What a child is born with."""

    number: int  # its Worker's; chooses its core
    is_async: bool
    socket_fd: int
    page_fd: int
    stack_fd: int  # the file that faulthandler writes to
    parent_pid: int  # the fork server's


def become_child(birth: Birth, settings: ChildSettings) -> None:
    """Make this process a child. Raises OSError where the system refuses a limit."""
    kernel.die_with(birth.parent_pid)
    with contextlib.suppress(PermissionError):  # a session leader is in its own group already
        os.setpgid(0, 0)
    kernel.name_process(f"headrace-{birth.number}")
    kernel.prefer_as_oom_victim()
    _reset_signals(birth.stack_fd)
    _reseed()
    atexit._clear()  # what was registered in the fork server is for the fork server to do
    gc.enable()
    if settings.pin_cpus and not birth.is_async:
        _pin(birth.number)
    if settings.memory_limit_bytes is not None:
        _limit_memory(settings.memory_limit_bytes)


def _reset_signals(stack_fd: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ignore_signals()
    faulthandler.enable(file=stack_fd, all_threads=True)
    faulthandler.register(signal.SIGUSR2, file=stack_fd, all_threads=True, chain=False)


def ignore_signals() -> None:
    """Leave Ctrl-C and SIGTERM to the node, which drains. A kill is always a SIGKILL.

    By handlers that do nothing and not by SIG_IGN, which programs started by a handler would
    inherit and so could not be terminated. SIGUSR1 and 2 must never meet their default, death.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _do_nothing)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """See ignore_signals."""


def _reseed() -> None:
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _pin(number: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        cpus = kernel.usable_cpus()
        os.sched_setaffinity(0, {cpus[number % len(cpus)]})


def _limit_memory(limit_bytes: int) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, hard))
