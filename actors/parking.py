"""Parking: a run's end waits until all is written that it has recorded.

Rule: if one of its last records is refused, which the run cannot have known, it is discarded: what
it has come to rests on a step that will never be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import msgspec

from runtime.outcome import Discarded, Failure
from runtime.workflow.records import Answer, Refused

if TYPE_CHECKING:
    from actors.acker import Settled

# Error classes of a run that ends with a record that cannot be written, by the kind of refusal.
_REFUSALS = {"too_large": "PayloadTooLarge", "invalid": "PayloadInvalid"}


@attrs.define(eq=False)
class RunAsks:
    """What one run has asked, and its end if that has to wait."""

    unwritten: int = 0  # records that are not confirmed
    refused: Refused | None = None  # after its end
    parked: tuple[Settled, float] | None = None

    def park(self, settled: Settled, seconds: float) -> bool:
        """Keep the run's end until its records are written. False: they are."""
        if self.unwritten:
            self.parked = (settled, seconds)
        return self.unwritten > 0

    def written(self, answer: Answer) -> tuple[Settled, float] | None:
        """A record was answered. The run's end, if that has waited for it alone."""
        self.unwritten -= 1
        if self.parked is not None and isinstance(answer, Refused):
            self.refused = answer
        return self._unpark()

    def _unpark(self) -> tuple[Settled, float] | None:
        if self.unwritten or self.parked is None:
            return None
        settled, seconds = self.parked
        self.parked = None
        if self.refused is not None and self.refused.kind in _REFUSALS:
            failure = Failure(_REFUSALS[self.refused.kind], self.refused.message)
            settled = msgspec.structs.replace(settled, outcome=Discarded(failure))
        return settled, seconds
