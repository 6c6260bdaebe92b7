"""HeldTerm: the leader's time-bounded right, as this node sees it. The Elector alone writes it."""

from __future__ import annotations

import trio


class HeldTerm:
    """Whether this node is the leader, and until when. Times are of trio's clock, in seconds."""

    def __init__(self) -> None:
        self.number = 0
        self._until = float("-inf")
        self._held = False
        self._changed = trio.Event()

    @property
    def held(self) -> bool:
        """Whether this node is in a term, be it about to run out."""
        return self._held

    @property
    def current(self) -> bool:
        """Whether this node is in a term that has not run out."""
        return self._held and trio.current_time() < self._until

    def hold(self, number: int, until: float) -> None:
        """The term `number` is ours until then."""
        self.number = number
        self._until = until
        self._change(True)

    def end(self) -> None:
        """The term is over."""
        self._until = float("-inf")
        self._change(False)

    def _change(self, held: bool) -> None:
        self._held = held
        self._changed.set()
        self._changed = trio.Event()

    async def wait_begun(self) -> None:
        """Wait until this node is the leader."""
        while not self.current:
            await self._changed.wait()

    async def wait_over(self) -> None:
        """Wait until this node's term has ended or run out."""
        while self.current:
            with trio.move_on_at(self._until):
                await self._changed.wait()


def number_of(term: HeldTerm | None) -> int | None:
    """With which term a duty asks; None, for no leader at all."""
    return None if term is None else term.number
