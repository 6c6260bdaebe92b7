"""Fixtures that every test may ask for, and the marks `measured` and `untraced`."""

import os
from collections.abc import Generator

import coverage
import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from runtime.testing import Databases
from runtime.testing.plugin import headrace_url
from tests.support.postgres import (
    DatabaseServer,
    database_url,
    made_cluster,
    postgres_server,
    restartable_server,
)

__all__ = ["database_url", "headrace_url", "made_cluster", "postgres_server", "restartable_server"]

# How fast this machine is at the moment says nothing about what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# By these coverage finds its way into the processes that a test starts.
_VARIABLES = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
_FOR_PROCESSES = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
# The folders of tests that run none of our code which others do not run too: they look at
# processes from outside, or at what PostgreSQL does when statements meet there.
_REACHED_BY_OTHERS = ("child", "postgres", "system")


@pytest.fixture(scope="session")
def headrace_server(postgres_server: DatabaseServer) -> Databases:
    """Our own test kit's databases, in the server of the session."""
    return Databases(postgres_server.url)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take long, so that no worker is left alone with one at the end.

    These are of whole nodes and of the README; last come those with many tests of no time at all.
    """
    places = {"tests": 0, "system": 1, "embedded": 2, "unit": 4}
    items.sort(key=lambda item: places.get(item.path.parent.name, 3))


def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Measure the coverage of the processes that a test starts only where it is marked `measured`.

    Measuring makes them take twice as long, and most run nothing that others do not run too. It
    also takes a lock in Python when a file is first run: an interrupt that is raised there leaves
    it locked for ever. So it is nothing for a child that is interrupted at any moment.
    """
    if item.get_closest_marker("measured") is not None:
        os.environ.update(_FOR_PROCESSES)
        return
    for name in _FOR_PROCESSES:
        os.environ.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, object, object]:
    """Run a test that is not `_traced` without its coverage being measured."""
    measuring = coverage.Coverage.current()
    if measuring is None or _traced(item):
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


def _traced(item: pytest.Function) -> bool:
    """Whether the coverage of the test itself is measured, which makes it take twice as long.

    Not where it is marked `untraced`: it computes much, and reaches little that others do not.
    The same is true of tests of properties, which make examples more than anything else, and of
    whole folders: of their tests the `measured` ones suffice.
    """
    if item.get_closest_marker("measured") is not None:
        return True
    if item.get_closest_marker("untraced") is not None or is_hypothesis_test(item.obj):
        return False
    return item.path.parent.name not in _REACHED_BY_OTHERS
