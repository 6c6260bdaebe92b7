"""What a node and its fork server say to each other: one JSON object a line.

    node ── Setup, Spawn, Signal, Lease, Ping ──▶ fork server
    node ◀── Manifest | AppBroken, Spawned | SpawnFailed, Exited, Pong ── fork server

Rules: a child goes by its `token`, chosen by the node and never used again, since a pid may be
reused; the server alone turns tokens into pids, for it alone reaps them. The three file
descriptors of a Spawn travel with its line (SCM_RIGHTS), in the order of `Spawn`'s docstring.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

from runtime.child.settings import ChildSettings
from runtime.job import KindInfo
from runtime.schedule import ScheduleInfo

SPAWN_FDS = 3

AppSource = str | bytes
"""An app: an import path "package.module:attribute", or the app itself, cloudpickled."""

Cause = Literal["exit", "signal", "oom", "kill", "lease"]
"""Why a child ended: by itself; by a signal that we did not send; by the kernel, for want of
memory; because the node said so; because the node's lease ran out."""


class Setup(msgspec.Struct, frozen=True, tag="setup"):
    """The first line: what to import, where from, and how to make children."""

    import_path: str | None  # exactly one of these two
    pickled: bytes | None
    settings: ChildSettings
    sys_path: list[str]


class Spawn(msgspec.Struct, frozen=True, tag="spawn"):
    """Make a child. With it come: its socket, the file of its run page, the file of its stacks."""

    token: int
    number: int  # the Worker's
    is_async: bool


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """Kill a child and its process group; or ring, or have its stacks dumped."""

    token: int
    what: Literal["kill", "ring", "dump"]


class Lease(msgspec.Struct, frozen=True, tag="lease"):
    """All children die at this time.monotonic_ns() unless it is moved on. 0: never."""

    until_ns: int


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Answer, to show that orders are obeyed."""


class Manifest(msgspec.Struct, frozen=True, tag="manifest"):
    """The app is imported, has these kinds and defines these schedules. `threads` > 1: its import
    started threads."""

    kinds: list[KindInfo]
    threads: int
    schedules: list[ScheduleInfo] = []
    eager: bool = False  # its children set resources up before they say Hello


class AppBroken(msgspec.Struct, frozen=True, tag="app_broken"):
    """The app cannot be imported; the server ends."""

    message: str


class Spawned(msgspec.Struct, frozen=True, tag="spawned"):
    """The child exists."""

    token: int
    pid: int


class SpawnFailed(msgspec.Struct, frozen=True, tag="spawn_failed"):
    """The system refused another process, or the lease has run out."""

    token: int
    message: str


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """The child is gone: exit_status or signal is set, the other is None."""

    token: int
    exit_status: int | None
    signal: str | None
    max_rss_kib: int
    cause: Cause
    cpu_seconds: float = 0.0  # of all its life


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to a Ping."""


Order = Setup | Spawn | Signal | Lease | Ping
Report = Manifest | AppBroken | Spawned | SpawnFailed | Exited | Pong

_encode = msgspec.json.Encoder().encode


def encode_line(message: Order | Report) -> bytes:
    """The message as one line."""
    return _encode(message) + b"\n"


T = TypeVar("T")


class Lines(Generic[T]):
    """Turns received bytes into messages, however they were cut."""

    def __init__(self, decoder: msgspec.json.Decoder[T]) -> None:
        self._decode = decoder.decode
        self._rest = b""

    def feed(self, data: bytes) -> list[T]:
        """Take in `data`; return the messages that are now complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [self._decode(line) for line in lines]


def order_lines() -> Lines[Order]:
    """The fork server's reading of what the node says."""
    return Lines(msgspec.json.Decoder(Order))


def report_lines() -> Lines[Report]:
    """The node's reading of what its fork server says."""
    return Lines(msgspec.json.Decoder(Report))
