"""Runs a program that makes part of the environment; quiet unless it fails.

The program has a process group of its own, which is ended with it, so that Ctrl-C in the middle
of an installation leaves nothing running.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from scripts.provision.errors import ProvisionError

_TAIL_LINES = 15
_END_SECONDS = 5.0  # for pip to remove its temporary folders

# What a user may have set for other projects, and would lead pip or Python astray here.
_ASTRAY = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
_FIRM = {"PIP_USER": "0"}  # also against a pip.conf
_QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def run(what: str, command: Sequence[str]) -> None:
    """Run it to its end. `what` names it in the error. Raises ProvisionError, with its words."""
    process = None
    try:
        with _signals_put_off():
            process = _start(command)
        said, _ = process.communicate()
    except BaseException:
        if process is not None:
            _end(process)
        raise
    if process.returncode != 0:
        tail = said.decode(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        raise ProvisionError("\n  ".join([f"{what} failed:", *tail]))


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={k: v for k, v in os.environ.items() if k not in _ASTRAY} | _FIRM | _QUIET,
        process_group=0,
    )


@contextmanager
def _signals_put_off() -> Iterator[None]:
    """A signal that comes meanwhile comes at the end: a process is not lost while it starts."""
    came: list[int] = []
    former = {
        each: signal.signal(each, lambda number, _frame: came.append(number))
        for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    finally:
        with suppress(ProcessLookupError):  # nobody of the group is left
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
