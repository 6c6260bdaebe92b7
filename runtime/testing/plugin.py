"""The pytest plugin `headrace`: fixtures for a database of the test's own, and the kit on it.

    headrace_server   session   a server: embedded, or --headrace-url; shared by xdist's workers
    headrace_app      session   your App; override it in your conftest.py
    headrace_url      test      the address of a migrated database, dropped afterwards
    headrace          test      the Kit: enqueue, drain, assert_enqueued, advance ...
    headrace_client   test      a Client; headrace_async_client: an AsyncClient, to be opened

Rule: pytest loads this in every run of every project that has Headrace installed. So nothing is
imported, and nothing happens, before a test asks for one of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runtime.app import App
    from runtime.client import AsyncClient, Client
    from runtime.testing.databases import Databases
    from runtime.testing.kit import Kit

_OPTION = "--headrace-url"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option."""
    parser.getgroup("headrace").addoption(
        _OPTION,
        metavar="URL",
        help="a PostgreSQL for tests, as a user who may create databases; "
        "by default an embedded one is started",
    )


@pytest.fixture(scope="session")
def headrace_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """Makes databases: copies of a migrated template. One server a run."""
    from runtime.testing.databases import Databases
    from runtime.testing.servers import running

    shared = None
    if hasattr(request.config, "workerinput"):  # a worker of pytest-xdist; its siblings see this
        shared = tmp_path_factory.getbasetemp().parent
    with running(request.config.getoption(_OPTION, None), shared) as url:
        yield Databases(url)


@pytest.fixture(scope="session")
def headrace_app() -> App | None:
    """Override this, to have your App in the fixtures below: its namespace, its handlers."""
    return None


@pytest.fixture
def headrace_url(headrace_server: Databases) -> Iterator[str]:
    """The address of a migrated database of the test's own."""
    url = headrace_server.create()
    yield url
    headrace_server.drop(url)


@pytest.fixture
def headrace(headrace_url: str, headrace_app: App | None) -> Iterator[Kit]:
    """The test kit, on a database of the test's own."""
    from runtime.testing.kit import Kit

    with Kit(headrace_url, headrace_app) as kit:
        yield kit


@pytest.fixture
def headrace_client(headrace: Kit) -> Client:
    """A Client on the test's database."""
    return headrace.client


@pytest.fixture
def headrace_async_client(headrace_url: str, headrace_app: App | None) -> AsyncClient:
    """An AsyncClient on the test's database. Use it with `async with`, in your own loop."""
    from runtime.client import AsyncClient

    return AsyncClient(headrace_app, headrace_url)
