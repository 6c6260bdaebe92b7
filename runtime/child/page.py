"""The run page: 4 KiB of memory shared by a Worker and its child, read without the child's help.

    epoch      written by the Worker      runs with another epoch are void
    told       written by the Worker      the run that is to stop, and why; for plain handlers
    begun      written by the child       (seq, at): the latest run that it began
    cpu        written by the child       (seq, CPU time): of its process when that run began
    rss        written by the child       its resident memory, now and then
    worn       written by the child       whether it should be replaced
    step       written by the child       (seq, at): when the step's timeout comes that goes on

Taking back what was handed ahead must not wait for a child that is busy. The Worker changes the
epoch, waits SETTLE_SECONDS, then reads `begun`: runs above it are its own again, those up to it
are the child's and will be answered by one Done each. The child does it the other way round:

    1. if the epoch is not the run's: skip it, silently
    2. write `begun`
    3. if the epoch is not the run's now: answer Done with GivenBack, without running it
    4. run it, answer Done

Why this is safe: were a run both taken back and run, the child would have read the old epoch in 3
after its write in 2. The Worker's write of the epoch then came after 3, and its read of `begun`
SETTLE_SECONDS later; so it missed a write that was older than that. Processors hold a write back in
their store buffer for microseconds at most, and a process that is taken off its core flushes it.
Were a run neither taken back nor answered, the Worker would have seen it begun; then the child was
past 2 and answers in 3 or 4. A run that the child began at 2 too late for the Worker's read is
answered by GivenBack although it was taken back: the Worker drops that answer.

Each field is 8 bytes, aligned, and written by one side only; such a store is never torn. The file's
size is sealed, since a Worker that looks at a page of a truncated file is killed by SIGBUS.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile

PAGE_BYTES = 4096
# From a change of the epoch to the reading of `begun`. A store buffer needs well under 0.01 ms.
SETTLE_SECONDS = 0.001

# Indices of 8-byte fields. The two writers stay out of each other's cache lines (64 or 128 bytes).
_EPOCH = 0
_TOLD = 1
_BEGUN_SEQ = 16
_BEGUN_AT = 17
_CPU_SEQ = 18
_CPU_NS = 19
_STEP_SEQ = 20
_STEP_AT = 21
_RSS = 32
_WORN = 33
_FIELD_VALUES = 2**64
# Why a run is to stop, as a number beside its own in the field `told`.
_REASONS = ("timeout", "cancel", "stop", "cpu", "expired")
_REASON_VALUES = 8


class RunPage:
    """A mapping of the shared memory behind the file descriptor `fd`, which stays the caller's."""

    __slots__ = ("_fields", "_memory")

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, PAGE_BYTES)
        self._fields = memoryview(self._memory).cast("Q")

    @property
    def epoch(self) -> int:
        """Runs handed over under another number than this are void."""
        return self._fields[_EPOCH]

    def advance_epoch(self) -> int:
        """Worker: make all runs void that were not begun. Returns the new epoch."""
        epoch = (self._fields[_EPOCH] + 1) % _FIELD_VALUES  # a handler may have written anything
        self._fields[_EPOCH] = epoch
        return epoch

    def tell(self, seq: int, reason: str) -> None:
        """Worker: run `seq` is to stop. Beside the interrupt: it can be seen from any thread."""
        if reason in _REASONS:
            self._fields[_TOLD] = seq * _REASON_VALUES + _REASONS.index(reason)

    def told(self, seq: int) -> str | None:
        """Child: why run `seq` is to stop; None if it is not."""
        told, reason = divmod(self._fields[_TOLD], _REASON_VALUES)
        return _REASONS[reason] if told == seq and reason < len(_REASONS) else None

    @property
    def begun_seq(self) -> int:
        """The latest run that the child began; 0 before the first."""
        return self._fields[_BEGUN_SEQ]

    @property
    def begun(self) -> tuple[int, int]:
        """The latest run that the child began, and when, by time.monotonic_ns().

        The time is never too early for that run, so a deadline counted from it is never too soon.
        """
        seq = self._fields[_BEGUN_SEQ]
        return seq, self._fields[_BEGUN_AT]

    def begin(self, seq: int, at_ns: int) -> None:
        """Child: run `seq` begins. The time goes first: see `begun`."""
        self._fields[_BEGUN_AT] = at_ns
        self._fields[_BEGUN_SEQ] = seq

    def begin_cpu(self, seq: int, cpu_ns: int) -> None:
        """Child: so much CPU time had its process used when run `seq` began."""
        self._fields[_CPU_NS] = cpu_ns
        self._fields[_CPU_SEQ] = seq

    def cpu_ns_at_begin(self, seq: int) -> int | None:
        """What it used until run `seq` began; None if it did not say."""
        return self._fields[_CPU_NS] if self._fields[_CPU_SEQ] == seq else None

    def limit_step(self, at_ns: int) -> None:
        """Child: a step of its run goes on, until this time by time.monotonic_ns() at most."""
        self._fields[_STEP_AT] = at_ns
        self._fields[_STEP_SEQ] = self._fields[_BEGUN_SEQ]

    def end_step(self) -> None:
        """Child: that step has ended."""
        self._fields[_STEP_SEQ] = 0

    @property
    def step_limit(self) -> tuple[int, int]:
        """The run of which a step goes on, 0 if none does; and the time of its timeout."""
        seq = self._fields[_STEP_SEQ]
        return seq, self._fields[_STEP_AT]

    @property
    def worn(self) -> bool:
        """Whether the child should be replaced: it is not any more as it was born."""
        return bool(self._fields[_WORN])

    def set_worn(self) -> None:
        """Child: it should be replaced."""
        self._fields[_WORN] = 1

    @property
    def rss_kib(self) -> int:
        """The child's resident memory in KiB, as it last said; 0 before its first run ended."""
        return self._fields[_RSS]

    @rss_kib.setter
    def rss_kib(self, value: int) -> None:
        self._fields[_RSS] = value

    def close(self) -> None:
        """Let go of the mapping. The page must not be used any more."""
        self._fields.release()
        self._memory.close()


def anonymous_file(name: str) -> int:
    """A file without a path, as a file descriptor, to be shared by passing it on.

    In memory where the system can do that, else an unlinked temporary file.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def new_page_file() -> int:
    """A file fit to be a run page, all zero. In memory, it keeps its size whatever a child does."""
    fd = anonymous_file("headrace-page")
    os.truncate(fd, PAGE_BYTES)
    if hasattr(os, "memfd_create"):
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd
