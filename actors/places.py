"""The places that one Worker offers: those of its seat, and those of one seat for each batch kind.

Rules: a batch counts as one call, as a plain run does. While a call goes on that takes long, or one
batch waits for the child already, no further one is gathered: others may take it.
"""

from __future__ import annotations

import attrs

from actors.batches import Batches
from actors.capacity import Capacity
from actors.child import Child
from actors.runs import Runs
from actors.seat import Seat
from actors.tenure_settings import TenureSettings

# Places of a child for flows, at least, unless its runs are long. It asks for more when all but one
# are free: with one place at a time, each run of a few writes had a claim and an ack of its own.
FLOW_PLACES = 4


@attrs.define(eq=False)
class Places:
    """Of one child."""

    seat: Seat
    batches: Batches
    runs: Runs
    child: Child
    capacity: Capacity
    settings: TenureSettings

    def show(self, is_open: bool) -> None:
        """Tell the seats what is held and wanted; if not open, that nothing is wanted."""
        if not is_open:
            self.close()
            return
        gathered = 1 if self.batches.seats and len(self.batches.gatherer) else 0
        calls = self.runs.calls + gathered
        if self.settings.is_async:
            self.seat.set_load(self.settings.concurrency, calls)
        else:
            places, refill = self.capacity.places, self.capacity.refill
            if self.settings.beside and places > 1:
                places, refill = max(places, FLOW_PLACES), max(refill, FLOW_PLACES - 1)
            self.seat.set_load(places, calls, refill)
        if self.batches.seats:
            self.batches.show_load(self._batch_fits(), busy=bool(self.runs))

    def _batch_fits(self) -> bool:
        if self.settings.is_async:
            return self.runs.calls < self.settings.concurrency
        if not self.runs:
            return True
        return self.capacity.places > 1 and not self.runs.ahead(self.child.page.begun_seq)

    def close(self) -> None:
        """Nothing is wanted for now, not even what was promised."""
        self.seat.close()
        self.batches.show_load(False)
