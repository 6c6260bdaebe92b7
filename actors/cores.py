"""Cores: the node's places for plain handlers, one a Worker, for when some runs take several.

    take(who, n) ─▶ line, first come first served ─▶ held until give(who)

Rules: nobody waits while holding: who wants more gives what it has first. So none waits for one
that waits for it; and as the line is kept in order, none waits for ever: what comes later does not
pass a wide run that waits. As long as nobody wants more than one, each Worker holds its own for
good, and nothing here costs anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

import attrs
import trio


@attrs.define(eq=False)
class _Ask:
    who: Hashable
    cores: int
    granted: trio.Event = attrs.field(factory=trio.Event)


class Cores:
    """So many cores. Who asks for more than there are gets all."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._held: dict[Hashable, int] = {}
        self._line: deque[_Ask] = deque()
        self._lack = trio.Event()

    @property
    def free(self) -> int:
        """How many nobody holds."""
        return self.count - sum(self._held.values())

    async def take(self, who: Hashable, cores: int) -> None:
        """Wait for so many, in line. Whoever has `who` as its name must hold none."""
        ask = _Ask(who, min(cores, self.count))
        self._line.append(ask)
        self._serve()
        try:
            await ask.granted.wait()
        except trio.Cancelled:
            if ask.granted.is_set():
                self.give(who)
            else:
                self._line.remove(ask)
                self._serve()
            raise

    def give(self, who: Hashable) -> None:
        """Give back what `who` holds, if anything."""
        self._held.pop(who, None)
        self._serve()

    async def wait_lack(self) -> None:
        """Wait until somebody waits for more than is free."""
        await self._lack.wait()

    def _serve(self) -> None:
        while self._line and self._line[0].cores <= self.free:
            ask = self._line.popleft()
            self._held[ask.who] = ask.cores
            ask.granted.set()
        if self._line:
            self._lack.set()
        elif self._lack.is_set():
            self._lack = trio.Event()
