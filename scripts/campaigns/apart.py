"""A network namespace of the kernel's, where a node is alone with a relay to its database.

    node ── TCP over the namespace's loopback ── relay ── unix socket ── route ── PostgreSQL

Taking that loopback down cuts the node off as a pulled cable does: the kernel loses its packets and
tells nobody, what was sent is sent again when it is up, and nothing new can be begun. A unix socket
belongs to no network, so the relay keeps its way out. Linux only; root may have such a namespace,
and others where the kernel lets them have one of users. Nothing else is needed.

As a program: `apart relay SOCKET` makes the namespace, prints its relay's port and obeys "down" and
"up" on stdin until that ends; `apart enter PID COMMAND ...` becomes the command, in the namespace
of that process.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from runtime.child.kernel import die_with
from scripts.benches.node import CHECKOUT, environment

_PROGRAM = (sys.executable, "-P", "-m", "scripts.campaigns.apart")
_CHUNK = 65_536

# Linux: unshare(2), netdevice(7).
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_INTERFACE = struct.Struct("16sH22x")  # struct ifreq: a name, and here its flags


@attrs.define
class Apart:
    """The campaign's end of it. Attributes: port, of the relay, in the namespace."""

    process: subprocess.Popen[str]
    port: int

    @property
    def before(self) -> tuple[str, ...]:
        """What to put before a command that is to run there."""
        return (*_PROGRAM, "enter", str(self.process.pid))

    def cut(self) -> None:
        """Take its network down."""
        self._order("down")

    def join(self) -> None:
        """Take its network up again."""
        self._order("up")

    def _order(self, word: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != word:
            raise OSError(f"the namespace's network could not be taken {word}")


@contextmanager
def open_apart(path: Path) -> Iterator[Apart | None]:
    """A namespace with a relay to this unix socket; None where we may not have one."""
    process = subprocess.Popen(
        [*_PROGRAM, "relay", str(path)],
        cwd=CHECKOUT,
        env=environment(""),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            yield Apart(process, int(port)) if port else None
        finally:
            process.kill()


def relay(path: str) -> None:
    """The program of that name. Raises: OSError, where we may not."""
    _leave()
    _set_loopback(up=True)
    asyncio.run(_relay(path))


def enter(pid: int, command: list[str]) -> None:
    """Become a command in the namespaces of a process."""
    parent = os.getppid()
    for name, kind in (("user", _NEW_USER), ("net", _NEW_NET)):
        theirs, ours = (Path(f"/proc/{whose}/ns/{name}") for whose in (pid, "self"))
        if theirs.stat().st_ino != ours.stat().st_ino:
            with theirs.open("rb") as file:
                _call("setns", file.fileno(), kind)
    die_with(parent)  # the kernel forgets it where a process gets other rights
    os.execv(command[0], command)


def _leave() -> None:
    """Into a network namespace of our own, and of users if need be."""
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", _NEW_NET)
    except PermissionError:
        _call("unshare", _NEW_NET | _NEW_USER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path(f"/proc/self/{name}").write_text(text)


def _call(name: str, *numbers: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*numbers) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _set_loopback(*, up: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = _INTERFACE.pack(b"lo", 0)
        _, flags = _INTERFACE.unpack(fcntl.ioctl(any_socket, _GET_FLAGS, asked))
        wanted = flags | _UP if up else flags & ~_UP
        fcntl.ioctl(any_socket, _SET_FLAGS, _INTERFACE.pack(b"lo", wanted))


async def _relay(path: str) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(path)
        except OSError:
            writer.transport.abort()
            return
        up = asyncio.create_task(_pump(reader, far_writer))
        try:
            await _pump(far_reader, writer)
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            far_writer.transport.abort()
            writer.transport.abort()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(_obey)
    os._exit(0)  # connections included


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if not writer.is_closing():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


def _obey() -> None:
    for line in sys.stdin:
        _set_loopback(up=line.strip() == "up")
        print(line.strip(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "relay":
        relay(sys.argv[2])
    else:
        enter(int(sys.argv[2]), sys.argv[3:])
