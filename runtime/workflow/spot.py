"""Where an operation is, and what is recorded there."""

from __future__ import annotations

from typing import Any

import attrs

from runtime.workflow.records import Recalled, StepRecord


@attrs.define(eq=False)
class Spot:
    """A place, with what the code asks for there and what is recorded, or None."""

    place: str
    op: str
    name: str
    seen: Recalled | None

    def record(self, **fields: Any) -> StepRecord:
        """What is to be recorded there."""
        return StepRecord(self.place, self.op, self.name, **fields)
