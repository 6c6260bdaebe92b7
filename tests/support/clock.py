"""Trio's virtual clock for tests that take a certain fixture: exact timings that cost nothing.

pytest-trio finds a clock only among a test's own arguments, so these get a runner of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock


def run_on_virtual_clock(
    test: Callable[[], Awaitable[None]],
    *,
    clock: trio.abc.Clock | None,
    instruments: Sequence[trio.abc.Instrument],
) -> None:
    """Run a test like trio.run, on a clock that jumps whenever all tasks wait."""
    assert clock is None
    trio.run(test, clock=MockClock(autojump_threshold=0), instruments=instruments)


def use_virtual_clock(items: Iterable[pytest.Item], fixture: str, folder: Path) -> None:
    """For the pytest_collection_modifyitems of `folder`'s conftest.

    The hook is given every test of the session: those in the folder that take `fixture` get this
    runner.
    """
    for item in items:
        if not isinstance(item, pytest.Function) or not item.path.is_relative_to(folder):
            continue
        if fixture in item.fixturenames:
            item.add_marker(pytest.mark.trio(run=run_on_virtual_clock), append=False)
