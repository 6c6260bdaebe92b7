"""Fixtures that every test may ask for, and the marks `measured` and `untraced`."""

import os
from collections.abc import Generator

import coverage
import pytest
from hypothesis import HealthCheck, settings

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


@pytest.fixture(scope="session")
def headrace_server(postgres_server: DatabaseServer) -> Databases:
    """Our own test kit's databases, in the server of the session."""
    return Databases(postgres_server.url)


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
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that is marked `untraced` without its coverage being measured.

    That is for tests that compute much, which tracing makes take twice as long, and which reach
    little that others do not.
    """
    measuring = coverage.Coverage.current()
    if measuring is None or item.get_closest_marker("untraced") is None:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()
