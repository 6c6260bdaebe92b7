"""Copies that a handler makes of its own process, by os.fork or what builds on it.

Rule: a copy never speaks for the child. It loses the socket as soon as it is made; if it comes back
from the handler, as it does after a forgotten os._exit, it ends there. What it would have said, and
the runs that it would have read, are the child's own. Copies that Python does not know of (a fork
in C) keep the socket open, and are expected to end or to exec.
"""

from __future__ import annotations

import os
import socket


def silence_copies(sock: socket.socket) -> None:
    """Close this socket in all copies that are made from now on."""
    os.register_at_fork(after_in_child=sock.close)


def leave_if_copy(sock: socket.socket) -> None:
    """End this process, if it is such a copy."""
    if sock.fileno() < 0:
        os._exit(0)
