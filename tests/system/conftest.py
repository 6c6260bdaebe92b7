"""Fixtures: a site on the session's server, and one on a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from actors.store.postgres import session_of
from runtime.testing import Databases
from tests.support.postgres import RestartableServer
from tests.system.site import Site


def migrate(url: str) -> None:
    """Make the tables of the default namespace."""

    async def up() -> None:
        async with open_bridge(url, kind="thread", session=session_of("headrace")) as bridge:
            await Migrator(bridge, "headrace").up()

    trio.run(up)


@pytest.fixture
def url(headrace_url: str) -> str:
    """The address of a migrated, empty database."""
    return headrace_url


@pytest.fixture(scope="module")
def shared_site(
    headrace_server: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A site for all tests of a module, which then each look at their own jobs only."""
    url = headrace_server.create()
    made = Site(url, tmp_path_factory.mktemp("site"))
    yield made
    made.close()
    headrace_server.drop(url)


@pytest.fixture
def site(url: str, tmp_path: Path) -> Iterator[Site]:
    """A site on the session's server. At the end its nodes drain and leave no process behind."""
    made = Site(url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def restartable_site(restartable_server: RestartableServer, tmp_path: Path) -> Iterator[Site]:
    """A site on `restartable_server`."""
    url = restartable_server.create_database()
    migrate(url)
    made = Site(url, tmp_path)
    yield made
    made.close()
