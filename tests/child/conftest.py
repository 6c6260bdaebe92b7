"""Fixtures: a fork server for the small app, and a child of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.forkserver import ForkServer
from tests.child.steering import Steered, child_of, serving


@pytest.fixture
async def server() -> AsyncIterator[ForkServer]:
    """A fork server that serves tests.child.apps."""
    async with serving() as running:
        yield running


@pytest.fixture
async def child(server: ForkServer) -> AsyncIterator[Steered]:
    """A child for plain handlers."""
    async with child_of(server) as steered:
        yield steered


@pytest.fixture
async def async_child(server: ForkServer) -> AsyncIterator[Steered]:
    """A child for async handlers."""
    async with child_of(server, 9, is_async=True) as steered:
        yield steered
