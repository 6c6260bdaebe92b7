"""Child: the node's handle of one child process. Owns the near end of its socket and its files.

Rules: the process itself is the fork server's, which alone signals and reaps it; whoever has the
handle closes it. Nothing here knows what a run is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import attrs
import trio

from runtime import child as child_package
from runtime.child.page import RunPage, anonymous_file, new_page_file

_READ_BYTES = 256 * 1024
# Of the file of stacks, this much is kept from the end: as much as is stored of a trace.
STACK_BYTES = 64 * 1024
# A dump takes a millisecond; a process that is stopped or in the kernel's hands may never give one.
DUMP_SECONDS = 1.0
# A dump is complete when its file has not grown for this long: its lines are microseconds apart.
_DUMP_QUIET_SECONDS = 0.003
# How long the death of a killed process may take before it is left to itself.
BURIAL_SECONDS = 5.0

_OURS = f'  File "{Path(child_package.__file__).parent}{os.sep}'

Message = Literal["kill", "ring", "dump"]


@attrs.frozen
class ChildExit:
    """How a child ended. exit_status or signal is set, unless the fork server died.

    Attributes: cause: "exit", by itself; "signal", by one that we did not send; "kill", by
    `Child.kill`; "oom", by the kernel, for want of memory; "lease", by the fork server because the
    node's lease ran out; "server", with the fork server. max_rss_kib: the most memory it ever had
    resident; cpu_seconds: of all its life.
    """

    pid: int
    exit_status: int | None = None
    signal: str | None = None
    cause: str = "exit"
    server_died: bool = False
    max_rss_kib: int = 0
    cpu_seconds: float = 0.0


class Child:
    """One child. Made by the fork server's actor; see there.

    Attributes: page: the run page; pid; far_ends: the descriptors for the new process (its socket,
    run page and file of stacks), which belong to whoever sends and then closes them.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        ours, its = socket.socketpair()
        page_fd = new_page_file()
        self._stack_fd = anonymous_file("headrace-stack")
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        self.page = RunPage(page_fd)
        self.far_ends = (its.detach(), page_fd, os.dup(self._stack_fd))
        self.pid = 0
        self._pidfd: int | None = None
        self._exit: ChildExit | None = None
        self._gone = trio.Event()
        self._dumped_to = 0  # where in the file of stacks the last dump ended
        self._last_dump = ""

    def __repr__(self) -> str:
        return f"<Child pid {self.pid}{'' if self._exit is None else f', {self._exit}'}>"

    # --- its stream -------------------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Send frames. Raises trio.BrokenResourceError when the child is gone, or hung up on."""
        try:
            await self._stream.send_all(data)
        except trio.ClosedResourceError as error:
            raise trio.BrokenResourceError(f"{self!r} takes nothing more") from error

    def send_now(self, data: bytes) -> int:
        """Send what finds room at once; returns how many bytes. Nothing else may be sending."""
        try:
            return os.write(self._stream.socket.fileno(), data)
        except OSError:  # no room; or it is gone, which whoever sends the rest will learn
            return 0

    async def receive(self) -> bytes:
        """Wait for some of the child's frames. b"" when it has closed its end, or is gone.

        What it had sent before its death is given first.
        """
        try:
            return await self._stream.receive_some(_READ_BYTES)
        except trio.BrokenResourceError:
            return b""  # reset by its death

    def hang_up(self) -> None:
        """Send nothing more: a child that has read to the end exits by itself."""
        with contextlib.suppress(OSError):  # it is gone already
            self._stream.socket.shutdown(socket.SHUT_WR)

    # --- control ----------------------------------------------------------------------------------

    def take_back(self) -> None:
        """Make void the runs that it has not begun; read `page.begun` SETTLE_SECONDS later."""
        self.page.advance_epoch()

    def ring(self) -> None:
        """Have it look at an Interrupt frame that was sent, while a handler runs."""
        self._tell("ring")

    def kill(self) -> None:
        """SIGKILL for it and for what it has started."""
        self._tell("kill")

    async def dump_stack(self) -> str:
        """The stacks of its threads, now; the last that is known if it is gone or does not answer.

        Also works while C code holds the GIL. Takes up to DUMP_SECONDS.
        """
        before = size = self._stack_size()
        if self._exit is None:
            self._tell("dump")
        with trio.move_on_after(DUMP_SECONDS):
            while self._exit is None and (size == before or size != self._stack_size()):
                size = self._stack_size()
                await trio.sleep(_DUMP_QUIET_SECONDS)
        return self.last_stack()

    def last_stack(self) -> str:
        """What it last left in the file of its stacks: a dump, a crash, or why it broke off."""
        if self._stack_fd >= 0:
            size = self._stack_size()
            if size > self._dumped_to:
                start = max(self._dumped_to, size - STACK_BYTES)
                text = os.pread(self._stack_fd, size - start, start).decode(errors="replace")
                self._last_dump = _without_our_frames(text)
                self._dumped_to = size
        return self._last_dump

    def _stack_size(self) -> int:
        return os.fstat(self._stack_fd).st_size if self._stack_fd >= 0 else self._dumped_to

    # --- its end ----------------------------------------------------------------------------------

    @property
    def exit(self) -> ChildExit | None:
        """How it ended; None while it lives."""
        return self._exit

    async def wait(self) -> ChildExit:
        """Wait until the process is gone, and know how. Any number may wait, any time."""
        await self._gone.wait()
        assert self._exit is not None
        return self._exit

    async def close(self) -> None:
        """Kill it if it is there, wait until it is gone, let go of everything. Idempotent."""
        with trio.move_on_after(BURIAL_SECONDS, shield=True):
            if self.pid and self._exit is None:
                self.kill()
                await self._gone.wait()
        self.last_stack()
        self.abandon()

    # --- for the fork server's actor --------------------------------------------------------------

    def set_born(self, pid: int) -> None:
        """The process exists."""
        self.pid = pid
        if hasattr(os, "pidfd_open"):
            # It was quick to die; or the kernel is old, or the container strict.
            with contextlib.suppress(OSError):
                self._pidfd = os.pidfd_open(pid)

    def set_gone(self, exit_: ChildExit) -> None:
        """The process is gone."""
        if self._exit is None:
            self._exit = exit_
            self._gone.set()
            with contextlib.suppress(OSError):
                # Whatever it has started may hold its end open. What was sent stays readable.
                self._stream.socket.shutdown(socket.SHUT_RD)
            self._close_pidfd()

    async def outlive_server(self) -> None:
        """Its fork server died, and so does it: make sure, then be gone."""
        if self._exit is not None:
            return
        if self.pid:
            await self._wait_dead()
        self.set_gone(ChildExit(self.pid, signal="SIGKILL", cause="server", server_died=True))

    async def _wait_dead(self) -> None:
        """Nobody but the kernel can tell now. Without a pidfd, its word is taken for it."""
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd is None:
                os.kill(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                await trio.lowlevel.wait_readable(self._pidfd)

    def abandon(self) -> None:
        """Let go of everything, now. A child whose stream is closed exits by itself."""
        self._stream.socket.close()
        self._close_pidfd()
        if self._stack_fd >= 0:
            os.close(self._stack_fd)
            self._stack_fd = -1

    def _close_pidfd(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def _without_our_frames(text: str) -> str:
    """faulthandler's text without the lines of the child's own loop."""
    lines = [line for line in text.splitlines() if not line.startswith(_OURS)]
    return "\n".join(lines)
