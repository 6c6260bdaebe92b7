"""Every test that takes a stage runs on trio's virtual clock: timings are exact and cost nothing.

pytest-trio finds a clock only among a test's own arguments, so these get a runner of their own.
"""

from collections.abc import Awaitable, Callable, Sequence

import pytest
import trio
from trio.testing import MockClock

from tests.kit.stage import Stage


def run_on_virtual_clock(
    test: Callable[[], Awaitable[None]],
    *,
    clock: trio.abc.Clock | None,
    instruments: Sequence[trio.abc.Instrument],
) -> None:
    """Run a test like trio.run, on a clock that jumps whenever all tasks wait."""
    assert clock is None
    trio.run(test, clock=MockClock(autojump_threshold=0), instruments=instruments)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Choose the runner."""
    for item in items:
        if isinstance(item, pytest.Function) and "stage" in item.fixturenames:
            item.add_marker(pytest.mark.trio(run=run_on_virtual_clock), append=False)


@pytest.fixture
def stage() -> Stage:
    """Return an empty stage."""
    return Stage()
