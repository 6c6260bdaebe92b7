"""Every test that takes a stage runs on a virtual clock: timings are exact and cost nothing."""

from pathlib import Path

import pytest

from tests.kit.stage import Stage
from tests.support.clock import use_virtual_clock


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Choose the runner."""
    use_virtual_clock(items, "stage", Path(__file__).parent)


@pytest.fixture
def stage() -> Stage:
    """Return an empty stage."""
    return Stage()
