"""Asks a server whether it accepts connections, as pg_isready does.

While PostgreSQL recovers from a killed backend its pid file goes on saying `ready`. Source: the
PostgreSQL manual, Frontend/Backend Protocol, messages StartupMessage and ErrorResponse.
"""

import socket
import struct
from pathlib import Path

from runtime.embedded.guardian.plan import PORT, SUPERUSER

_PROTOCOL_3_0 = 196608

_CANNOT_CONNECT_NOW = b"57P03"
"""SQLSTATE: starting up, recovering or shutting down. A server in use gives other answers."""

_TIMEOUT = 5.0
"""Seconds for an answer; a server that is about to start or stop may take connections silently."""


def accepts(socket_dir: Path) -> bool:
    """Whether the server takes a new session now."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT)
        try:
            connection.connect(str(socket_dir / f".s.PGSQL.{PORT}"))
            connection.sendall(_startup_message())
            answer = connection.recv(4096)
            connection.sendall(_terminate_message())
        except (OSError, TimeoutError):
            return False
    return _is_welcome(answer)


def _startup_message() -> bytes:
    words = [b"user", SUPERUSER.encode(), b"database", b"postgres", b"", b""]
    body = struct.pack("!i", _PROTOCOL_3_0) + b"\0".join(words)
    return struct.pack("!i", len(body) + 4) + body


def _terminate_message() -> bytes:
    return b"X" + struct.pack("!i", 4)


def _is_welcome(answer: bytes) -> bool:
    """Whether the first message is anything but the refusal of a server that isn't ready."""
    if not answer.startswith(b"E"):
        return bool(answer)
    fields = answer[5:].split(b"\0")
    return b"C" + _CANNOT_CONNECT_NOW not in fields
