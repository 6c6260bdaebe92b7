"""Who runs PostgreSQL: ordinary users, and root in each of its ways.

As an ordinary user these tests see that the ways of root change nothing.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runtime.embedded import EmbeddedPostgresError, Server, binaries
from runtime.embedded.guardian import identity
from tests.embedded.programs import Program, wait_for_no_process_of
from tests.support.postgres import attach

ROOT = os.geteuid() == 0
WAYS = [identity.NAMESPACE, identity.CAPABILITY, identity.SETUID]


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A short directory that every user may enter and write."""
    folder = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def _runs_as(pid: int | None) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def _works(way: str) -> bool:
    return not ROOT or identity.named(way) is not None


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_each_way_starts_a_server_or_says_that_it_is_barred(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv(identity.ENVIRONMENT, way)
    if not _works(way):
        with pytest.raises(EmbeddedPostgresError, match="Run as an ordinary user"):
            attach(open_dir / "data")
        return
    with attach(open_dir / "data") as server, psycopg.connect(server.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        changed = ROOT and way != identity.NAMESPACE
        assert (_runs_as(server.postmaster_pid) != os.geteuid()) == changed


def test_data_made_in_one_way_is_used_in_another(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, way in enumerate(filter(_works, [*WAYS, WAYS[0]])):
        monkeypatch.setenv(identity.ENVIRONMENT, way)
        with (
            attach(open_dir / "data") as server,
            psycopg.connect(server.url, autocommit=True) as connection,
        ):
            connection.execute(f"create table made_in_round_{number} ()")
            tables = connection.execute("select from pg_tables where tablename ~ '^made_in_round'")
            assert tables.rowcount == number + 1


@pytest.mark.measured
def test_a_private_parent_is_no_obstacle_and_stays_as_it_is(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    with attach(data_dir):
        assert data_dir.parent.stat().st_mode & 0o777 == 0o700
        assert data_dir.parent.stat().st_uid == os.geteuid()


def test_where_namespaces_are_refused_a_private_parent_is_still_no_obstacle(
    data_dir: Path,
) -> None:
    data_dir.parent.chmod(0o700)
    with Program(data_dir, constraint="no-namespaces") as program:
        seen = program.report()
        with psycopg.connect(seen["url"]) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert (_runs_as(seen["postmaster"]) != os.geteuid()) == ROOT


@pytest.mark.measured
def test_a_plain_other_user_gets_a_copy_of_binaries_that_it_can_t_reach(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = binaries.find().bin_dir
    closed = open_dir / "closed"
    closed.mkdir(mode=0o700)
    _copy_installation(found, closed)
    bin_dir = closed / found.parent.parent.name / found.parent.name / found.name
    monkeypatch.setenv(identity.ENVIRONMENT, identity.SETUID)
    monkeypatch.setattr("tempfile.tempdir", str(open_dir))
    for _ in range(2):
        with Server.attach(open_dir / "data", bin_dir=bin_dir) as server:
            assert (server.bin_dir != bin_dir) == ROOT
            server.create_database(f"by_{server.guardian_pid}")


def _copy_installation(bin_dir: Path, target: Path) -> None:
    package = bin_dir.parent.parent
    shutil.copytree(bin_dir.parent, target / package.name / bin_dir.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)


def test_a_plain_other_user_is_told_which_directory_it_can_t_reach(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = open_dir / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv(identity.ENVIRONMENT, identity.SETUID)
    if not ROOT:
        attach(closed / "data").close()
        return
    with pytest.raises(EmbeddedPostgresError, match=f"can't reach the data directory {closed}"):
        attach(closed / "data")


@pytest.mark.measured
def test_an_ordinary_user_without_a_home_gets_a_server(open_dir: Path) -> None:
    unset = {"XDG_DATA_HOME": None, "HEADRACE_DATA_DIR": None}
    environment = unset | {"HOME": "/dev/null", "TMPDIR": str(open_dir)}
    with Program("default", environment, constraint="ordinary") as program:
        seen = program.report()
        assert Path(seen["data_dir"]).parent == open_dir
        assert program.interrupt() == 9
    wait_for_no_process_of(open_dir)


def test_with_an_unknown_way_the_error_names_the_variable(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(identity.ENVIRONMENT, "magic")
    if not ROOT:
        attach(data_dir).close()
        return
    with pytest.raises(EmbeddedPostgresError, match=identity.ENVIRONMENT):
        attach(data_dir)
