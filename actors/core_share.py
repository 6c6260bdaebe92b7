"""A Worker's share in the node's cores: one for good, or several for the time of a wide run.

    keep:  take one ─▶ serve ─▶ somebody lacks cores: drain ─▶ give it ─▶ in line again
    wide:  serve nothing else ─▶ (keep gives its one) ─▶ take n ─▶ the run ─▶ give them

Rules: as `actors.cores`. While it holds nothing, the Worker's seat is closed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
import trio

from actors.cores import Cores


@attrs.define(eq=False)
class CoreShare:
    """Of one Tenure. `cores`: None, if it needs none.

    Args: drain: returns when the child holds no run. changed: is told when `open` may have changed.
    """

    cores: Cores | None
    drain: Callable[[], Awaitable[None]]
    changed: Callable[[], None]
    _kept: bool = attrs.field(default=False, init=False)
    _narrow: trio.Event = attrs.field(factory=trio.Event, init=False)  # no wide run is here
    _wide: object = attrs.field(factory=object, init=False)  # the name under which one takes
    _turned: trio.Event = attrs.field(factory=trio.Event, init=False)  # `open` may have changed

    def __attrs_post_init__(self) -> None:
        self._narrow.set()

    @property
    def open(self) -> bool:
        """Whether plain runs may be given to the child."""
        return self.cores is None or (self._kept and self._narrow.is_set())

    async def wait_open(self) -> None:
        """Wait until plain runs may be given to the child."""
        while not self.open:
            await self._turned.wait()

    def _turn(self) -> None:
        self._turned.set()
        self._turned = trio.Event()
        self.changed()

    async def keep(self) -> None:
        """Hold one core, but where somebody lacks it. Runs until cancelled."""
        if self.cores is None:
            return
        while True:
            await self.cores.take(self, 1)
            self._set_kept(True)
            await self.cores.wait_lack()
            self._set_kept(False)
            await self.drain()
            self.cores.give(self)
            await self._narrow.wait()

    def _set_kept(self, kept: bool) -> None:
        self._kept = kept
        self._turn()

    @contextlib.asynccontextmanager
    async def wide(self, cores: int) -> AsyncIterator[None]:
        """Hold so many cores inside the block, which waits for them, and run nothing else."""
        assert self.cores is not None
        self._narrow = trio.Event()
        self._turn()
        try:
            await self.drain()
            await self.cores.take(self._wide, cores)
            yield
        finally:
            self.cores.give(self._wide)
            self._narrow.set()
            self._turn()

    def end(self) -> None:
        """Its Tenure is over: hold nothing."""
        if self.cores is not None:
            self.cores.give(self)
            self.cores.give(self._wide)
