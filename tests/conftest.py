"""Fixtures that every test may ask for, and the mark `untraced`."""

from collections.abc import Generator

import coverage
import pytest
from hypothesis import HealthCheck, settings

from tests.support.postgres import database_url, made_cluster, postgres_server, restartable_server

__all__ = ["database_url", "made_cluster", "postgres_server", "restartable_server"]

# How fast this machine is at the moment says nothing about what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


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
