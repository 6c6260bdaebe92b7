"""How a node starts its fork server. Called on the node's own thread: see kernel.die_with."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from runtime.child.kernel import usable_cpus
from runtime.child.orders import AppSource, Setup
from runtime.child.settings import ChildSettings
from runtime.errors import UsageError

# Each BLAS and OpenMP library reads its own. Unset, each child would start a thread a core.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

# Set in a fork server while it imports the app.
importing_app = False

_FLAGS = {
    "optimize": "O",
    "isolated": "I",
    "ignore_environment": "E",
    "no_user_site": "s",
    "dont_write_bytecode": "B",
    "bytes_warning": "b",
}
_ROOT = str(Path(__file__).resolve().parents[2])  # where `runtime` is imported from


def start_server(workers: int) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a fork server. It waits for its Setup on the returned socket.

    It has a session of its own, so that a Ctrl-C at the terminal reaches the node alone.

    Raises: UsageError, in a fork server: one that starts another would never end.
    """
    if importing_app:
        raise UsageError(
            "the app's module starts a node when it is imported; do that in a function, "
            'or under `if __name__ == "__main__":`'
        )
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            interpreter("runtime.child.server:main", its.fileno(), os.getpid()),
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=environment(os.environ, workers),
        )
    return process, ours


def interpreter(function: str, *numbers: int) -> list[str]:
    """A command that calls `module:function(*numbers)` of ours, with this interpreter's options."""
    module, _, name = function.partition(":")
    arguments = ", ".join(map(str, numbers))
    code = (
        f"import sys; sys.path.insert(0, {_ROOT!r}); "
        f"from {module} import {name}; {name}({arguments})"
    )
    return [sys.executable, *_options(), "-c", code]


def _options() -> list[str]:
    given = ((letter, getattr(sys.flags, name)) for name, letter in _FLAGS.items())
    options = ["-" + letter * int(count) for letter, count in given if count]
    options += [f"-W{option}" for option in sys.warnoptions]
    for name, value in sys._xoptions.items():
        options += ["-X", name if value is True else f"{name}={value}"]
    return options


def environment(environ: Mapping[str, str], workers: int) -> dict[str, str]:
    """`environ` with the thread variables set to cores / workers, where the user has not."""
    threads = str(max(1, len(usable_cpus()) // max(1, workers)))
    return {**dict.fromkeys(THREAD_VARIABLES, threads), **environ}


def setup(app: AppSource, settings: ChildSettings) -> Setup:
    """The server's first line: it imports what this process would, and from the same places."""
    path = [entry or os.getcwd() for entry in sys.path]
    if os.getcwd() not in path:
        path.insert(0, os.getcwd())
    if isinstance(app, str):
        return Setup(app, None, settings, path)
    return Setup(None, app, settings, path)
