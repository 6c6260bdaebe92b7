"""A Seat: what the Distributor sees of a Worker. Free places on one side, jobs on the other.

    Worker ── capacity, load ──▶ Seat ── free places ──▶ Distributor
    Worker ◀── memory channel ◀── Seat ◀── jobs, never more than the places

Rules: free = capacity - held by the Worker - on the way to it, so a place is never promised twice.
A claim is asked for when as many places are free as make one worth its cost.
What was promised to a claim is given when the claim returns, though the Worker's capacity, which
follows the durations of its runs, has shrunk meanwhile; unless the Worker has closed its seat. The
channel's bound is its number of lists; the jobs in it are bounded by the places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from runtime.job import ClaimedJob

# Lists of jobs on their way to one Worker. Each takes at least one place, and a Worker reads them
# as soon as it runs, so this many are never there; it is a bound, not a buffer.
CHANNEL_LISTS = 1024


class Seat:
    """One Worker's free places for a set of kinds, and the way to it.

    Args: on_change: called when there are more free places than before.
    """

    def __init__(self, name: str, *, on_change: Callable[[], None]) -> None:
        self.name = name
        self.kinds: tuple[str, ...] = ()
        self.gathers = False  # its jobs are run many at a time
        self.busy = False  # what it is given now has to wait for something else
        self._serves: frozenset[str] = frozenset()
        self._free = 0
        self._refill = 1
        self._on_the_way = 0
        self._promised = 0
        self._on_change = on_change
        self._send, self._jobs = trio.open_memory_channel[list[ClaimedJob]](CHANNEL_LISTS)
        self._given = trio.Event()

    @property
    def free(self) -> int:
        """Places that the Distributor may fill now, >= 0."""
        return max(0, self._free - self._on_the_way)

    @property
    def wanted(self) -> int:
        """Places that a claim should be made for, >= 0."""
        return self.free if self.free >= self._refill else 0

    def promise(self) -> int:
        """The Distributor's side: the wanted places, kept for a claim that now begins."""
        self._promised = self.wanted
        return self._promised

    @property
    def kept(self) -> int:
        """Places that the Distributor may fill when that claim has returned, >= 0."""
        return max(self.free, self._promised)

    def serves(self, kind: str) -> bool:
        """Whether this Worker has a handler for jobs of this kind."""
        return kind in self._serves

    def give(self, jobs: Sequence[ClaimedJob]) -> None:
        """The Distributor's side: fill places with these jobs."""
        self._on_the_way += len(jobs)
        self._promised = max(0, self._promised - len(jobs))
        self._send.send_nowait(list(jobs))
        self._given.set()

    def open(self, kinds: tuple[str, ...], *, gathers: bool = False) -> None:
        """The Worker's side, as all below: it serves these kinds."""
        self.kinds = kinds
        self.gathers = gathers
        self._serves = frozenset(kinds)

    def set_load(self, capacity: int, held: int, refill: int = 1) -> None:
        """The Worker holds `held` jobs, and wants `capacity` once `refill` places are free."""
        before = self.wanted
        self._free = capacity - held
        self._refill = refill
        if self.wanted > before:
            self._on_change()

    def close(self) -> None:
        """The Worker wants no more for now, not even what was promised."""
        self._free = 0
        self._promised = 0

    async def take(self) -> list[ClaimedJob]:
        """Wait for jobs. They are the Worker's from now on; it counts them in its next load."""
        jobs = await self._jobs.receive()
        self._on_the_way -= len(jobs)
        return jobs

    async def wait_given(self) -> None:
        """Wait until jobs are on the way, and leave them there."""
        while not self._on_the_way:
            self._given = trio.Event()
            await self._given.wait()

    def serve(self, kinds: tuple[str, ...]) -> None:
        """From now on it serves these kinds; what was promised is promised no more."""
        if kinds != self.kinds:
            self.open(kinds)
            self._promised = 0
            self._on_change()

    def take_unread(self) -> list[ClaimedJob]:
        """Take all that is on the way, without waiting; for a Worker that leaves."""
        jobs: list[ClaimedJob] = []
        while True:
            try:
                jobs += self._jobs.receive_nowait()
            except trio.WouldBlock:
                self._on_the_way -= len(jobs)
                return jobs
