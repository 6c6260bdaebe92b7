"""Databases for tests: one server for the session, a fresh database for each test that asks.

- `postgres_server`: the server of the session: an ephemeral embedded one, or the one that
  HEADRACE_TEST_DATABASE_URL names (its user must be allowed to create databases).
- `database_url`: the address of an empty database of that server, dropped afterwards.
- `restartable_server`: an embedded server of the test's own, to stop, kill and start again. Always
  embedded; HEADRACE_POSTGRES_BIN chooses its version.
"""

import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import psycopg
import pytest
from psycopg import sql

from runtime.embedded import Server

URL_VARIABLE = "HEADRACE_TEST_DATABASE_URL"

_WAIT = 30.0
"""Seconds until a wait for a condition fails the test."""


@attrs.frozen
class DatabaseServer:
    """A running server in which tests make databases."""

    url: str
    """The address of its maintenance database, as a user who may create databases."""
    copies_files: bool = False
    """Whether to copy databases file by file: seven times as cheap where nothing is forced to the
    disk, and unknown to PostgreSQL 14."""

    def create_database(self, template: str = "template1") -> str:
        """A new database, as a copy of `template` (a name); its address."""
        name = f"headrace_test_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {{}} TEMPLATE {{}} {self._strategy}", name, template)
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", database_name(url))

    @property
    def _strategy(self) -> str:
        return "STRATEGY FILE_COPY" if self.copies_files else ""

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def attach(data_dir: Path | None) -> Server:
    """Attach to a server whose data outlives crashes of processes, though not of the machine.

    Its files aren't forced to the disk, which would take most of the time of many tests.
    """
    return Server.attach(data_dir, settings={"fsync": "off", "max_connections": "200"})


def database_name(url: str) -> str:
    """The name of the database in an address."""
    return urlsplit(url).path.removeprefix("/")


class RestartableServer:
    """A durable embedded server of one test. It starts running; its address never changes."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.server = attach(data_dir)
        self.url = self.server.url

    def create_database(self) -> str:
        """A new empty database; its address. It goes with the server's directory."""
        return self.server.create_database(f"headrace_test_{uuid.uuid4().hex}")

    def start(self) -> None:
        """Return when the server accepts connections, started again if it was stopped."""
        if self.server.closed:
            self.server = attach(self._data_dir)
        self.server.ensure()

    def stop_immediate(self) -> None:
        """Stop at once, as in a crash, and stay down until `start`."""
        guardian = self.server.guardian_pid
        postmaster = self.server.postmaster_pid
        os.kill(guardian, signal.SIGQUIT)
        wait_until(lambda: gone(guardian) and (postmaster is None or gone(postmaster)))

    def stop_fast(self) -> None:
        """Stop cleanly, ending all sessions, and stay down until `start`."""
        self.server.close()

    def kill_postmaster(self) -> None:
        """kill -9 of the server process; it comes back by itself (`start` waits for that)."""
        postmaster = self.server.postmaster_pid
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        wait_until(lambda: gone(postmaster))

    def close(self) -> None:
        """Stop for good and remove the data, most of which was never written to the disk."""
        self.server.close()
        shutil.rmtree(self._data_dir)


def wait_until(condition: Callable[[], object], seconds: float = _WAIT) -> None:
    """Return once the condition holds; fail the test if it doesn't in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be reaped has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[DatabaseServer]:
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield DatabaseServer(named)
        return
    with Server.attach(ephemeral=True, settings={"max_connections": "200"}) as server:
        with psycopg.connect(server.url) as connection:
            copies_files = connection.info.server_version >= 150000
        yield DatabaseServer(server.url, copies_files)


@pytest.fixture
def database_url(postgres_server: DatabaseServer) -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def made_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with a cluster that no server uses, to copy: much cheaper than initdb."""
    folder = tmp_path_factory.mktemp("made") / "data"
    attach(folder).close()
    yield folder
    shutil.rmtree(folder)


def copy_cluster(made: Path, data_dir: Path) -> None:
    """Make `data_dir` one with a cluster, as if it had been used before."""
    data_dir.mkdir(mode=0o700)
    shutil.copytree(made / "pgdata", data_dir / "pgdata")


@pytest.fixture
def restartable_server(tmp_path: Path, made_cluster: Path) -> Iterator[RestartableServer]:
    copy_cluster(made_cluster, tmp_path / "restartable")
    server = RestartableServer(tmp_path / "restartable")
    yield server
    server.close()
