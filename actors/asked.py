"""What one claim asks for, and when it begins."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

from actors.store.protocol import Demand
from actors.store.standby import Standby


@attrs.frozen
class Asked:
    """One claim.

    Attributes: demand: in queues without limits. generation: of the wakeups that it has heeded.
    standby: when it begins. limited: its demand in queues that have limits over all nodes; that is
    never asked for by a claim that stands by.
    """

    demand: Sequence[Demand]
    generation: int
    standby: Standby | None = None
    limited: Sequence[Demand] = ()

    @classmethod
    def split(cls, demand: Sequence[Demand], limited: Collection[str], generation: int) -> Asked:
        """A claim that begins now."""
        return cls(
            [group for group in demand if group.queue not in limited],
            generation,
            limited=[group for group in demand if group.queue in limited],
        )

    @property
    def groups(self) -> list[Demand]:
        """All that is asked for."""
        return [*self.demand, *self.limited]

    @property
    def was_withdrawn(self) -> bool:
        """Whether nothing was asked after all."""
        return self.standby is not None and self.standby.woken_by is None
