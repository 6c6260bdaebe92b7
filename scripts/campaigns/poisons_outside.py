"""Poisons that reach out of their run: to descriptors, other processes, the disk. See `poisons`.

Rules: a process that one leaves behind writes its pid into the folder's file `orphans` and ends by
itself after ORPHAN_SECONDS, also if the campaign is killed. A file grows to FILE_BYTES and goes.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import resource
import shutil
import signal
import stat
import struct
import tempfile
import threading
import time
from collections.abc import Iterator

from runtime.child import kernel
from runtime.wire import MAX_FRAME_BYTES
from scripts.campaigns.poisoning import lingering, quick, stubborn

ORPHANS = "orphans"
ORPHAN_NAME = "headrace-orphan"
ORPHAN_SECONDS = 45.0
FILE_BYTES = 8 * 1024 * 1024
_LONG_SECONDS = 600.0
_PR_SET_PDEATHSIG = 1


# --- descriptors ----------------------------------------------------------------------------------


def _descriptors() -> Iterator[tuple[int, str]]:
    """Each open one, with what it leads to."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one by which they were listed
            yield int(name), os.readlink(f"/proc/self/fd/{name}")


def _sockets() -> list[int]:
    return [fd for fd, _ in _descriptors() if fd > 2 and stat.S_ISSOCK(os.fstat(fd).st_mode)]


def _shared_memory() -> list[int]:
    return [fd for fd, target in _descriptors() if target.startswith("/memfd:headrace")]


@quick
def closes_everything(_folder: str) -> None:
    os.closerange(0, 256)


@stubborn
def closes_everything_and_stays(_folder: str) -> None:
    os.closerange(0, 256)
    while True:
        time.sleep(_LONG_SECONDS)


@quick
def writes_garbage(_folder: str) -> None:
    for fd in _sockets():
        os.write(fd, b"GET / HTTP/1.1\r\n\r\n")
    time.sleep(_LONG_SECONDS)


@stubborn
def promises_a_frame(_folder: str) -> None:
    """The largest that there may be: whatever is sent after this would be taken for its body."""
    for fd in _sockets():
        os.write(fd, struct.pack(">I", MAX_FRAME_BYTES))
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(_LONG_SECONDS)


@quick
def scribbles(_folder: str) -> None:
    """Over the run page and the file of stacks."""
    for fd in _shared_memory():
        os.pwrite(fd, b"\xff" * min(os.fstat(fd).st_size, 4096), 0)
    os._exit(4)


@quick
def truncates(_folder: str) -> None:
    """The memory that it shares with its node, which would not survive to look at it."""
    for fd in sorted(_shared_memory()):
        if os.fstat(fd).st_size:
            os.ftruncate(fd, 0)


# --- processes ------------------------------------------------------------------------------------


@quick
def kills_its_parent(_folder: str) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(_LONG_SECONDS)


@quick
def outlives_its_parent(_folder: str) -> None:
    """Without the kernel's order to die with it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(_LONG_SECONDS)


@stubborn
def stops_its_parent(_folder: str) -> None:
    """Who alone could kill it."""
    os.kill(os.getppid(), signal.SIGSTOP)
    while True:
        time.sleep(_LONG_SECONDS)


def _be_an_orphan(folder: str) -> None:
    """In a new process: live on in a session of its own, with all that was inherited."""
    try:
        os.setsid()
        kernel.name_process(ORPHAN_NAME)
        with open(os.path.join(folder, ORPHANS), "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(ORPHAN_SECONDS)
    finally:
        os._exit(0)


@quick
def forks_and_leaves(folder: str) -> None:
    if os.fork() == 0:
        _be_an_orphan(folder)
    os._exit(5)


@quick
def forks_in_secret_and_leaves(folder: str) -> None:
    """Python does not learn of it: the orphan holds the socket open."""
    if ctypes.CDLL(None).fork() == 0:
        _be_an_orphan(folder)
    os._exit(5)


@lingering
def forks_in_secret(folder: str) -> None:
    if ctypes.CDLL(None).fork() == 0:
        _be_an_orphan(folder)


@lingering
def forks_and_comes_back_twice(_folder: str) -> None:
    """As if by mistake: two processes return from this run."""
    os.fork()


@lingering
def leaves_threads(_folder: str) -> None:
    """Which never end; one of them is waited for by a Python that ends well."""
    for daemon in (True, True, False):
        threading.Thread(target=_wander, daemon=daemon).start()


def _wander() -> None:
    while True:
        time.sleep(0.01)


@lingering
def hangs_at_exit(_folder: str) -> None:
    atexit.register(time.sleep, _LONG_SECONDS)


# --- surroundings ---------------------------------------------------------------------------------


@lingering
def loses_its_place(folder: str) -> None:
    """Its directory is gone, its environment is empty, its files are its own."""
    os.chdir(tempfile.mkdtemp(dir=folder))
    shutil.rmtree(os.getcwd())
    os.environ.clear()
    os.umask(0o077)


@quick
def fills_the_disk(folder: str) -> None:
    """As far as it may: the limit of a file's size stands for the end of the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, hard))
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            while True:
                file.write(bytes(1024 * 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
