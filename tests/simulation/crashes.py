"""Crashes of actors that nobody expects: seen where supervisors log them.

A supervisor puts right what crashed, so a simulation would go on and find nothing lost. But in a
tree as it should be only a lost lease crashes anything, and what that takes along.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from actors.lease import LeaseLost
from tests.simulation.chronicle import Chronicle
from tests.simulation.freezer import current_group

_EXPECTED = (LeaseLost,)


class _Witness(logging.Handler):
    def __init__(self, chronicle: Chronicle) -> None:
        super().__init__(logging.ERROR)
        self.chronicle = chronicle

    def emit(self, record: logging.LogRecord) -> None:
        group = current_group()
        if group is not None and group.dead:
            return
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, _EXPECTED):
            text = f"{record.getMessage()}: {error!r}"
            self.chronicle.note("supervisor", text)
            self.chronicle.failings.append(text)


@contextmanager
def crashes_noted(chronicle: Chronicle) -> Iterator[None]:
    """Have what supervisors log as an error noted as a failing, and not printed."""
    kit, ours = logging.getLogger("actors.kit"), logging.getLogger("headrace")
    witness = _Witness(chronicle)
    kit.addHandler(witness)
    kit.propagate, ours.disabled = False, True
    try:
        yield
    finally:
        kit.removeHandler(witness)
        kit.propagate, ours.disabled = True, False
