"""kill -9 and Ctrl-C at bad moments: nothing is lost, nothing is left, the next start works."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from runtime.embedded import Server
from tests.embedded.programs import Program, wait_for_no_process_of
from tests.support.postgres import attach, gone, wait_until


def _commit_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 42 as answer")


def _assert_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


def _in_initdb(data_dir: Path) -> bool:
    return any(data_dir.glob("pgdata.new-*/base/1"))


@pytest.mark.measured
def test_a_killed_postmaster_is_started_again_by_itself(data_dir: Path) -> None:
    with attach(data_dir) as server:
        _commit_a_row(server.url)
        killed = server.postmaster_pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: gone(killed))
        server.ensure()
        assert server.postmaster_pid != killed
        _assert_row(server.url)


def test_ensure_waits_until_postgresql_has_recovered_from_a_killed_session(data_dir: Path) -> None:
    log = data_dir / "server.log"
    with attach(data_dir) as server:
        for crashes in range(1, 4):
            with psycopg.connect(server.url) as connection:
                os.kill(connection.info.backend_pid, signal.SIGKILL)
                with pytest.raises(psycopg.OperationalError):
                    connection.execute("select 1")
            # The session's end reaches us a moment before the postmaster, which then says so.
            wait_until(lambda: log.read_text().count("terminated by signal 9") >= crashes)  # noqa: B023
            server.ensure()
            psycopg.connect(server.url).close()


@pytest.mark.measured
def test_a_killed_guardian_takes_the_server_along_and_ensure_brings_both_back(
    data_dir: Path,
) -> None:
    with attach(data_dir) as server:
        url = server.url
        _commit_a_row(url)
        guardian, postmaster = server.guardian_pid, server.postmaster_pid
        assert postmaster is not None
        os.kill(guardian, signal.SIGKILL)
        wait_until(lambda: gone(postmaster))
        server.ensure()
        assert server.guardian_pid != guardian
        assert server.url == url
        _assert_row(url)


def test_close_after_the_guardian_was_killed_is_no_error(data_dir: Path) -> None:
    server = attach(data_dir)
    os.kill(server.guardian_pid, signal.SIGKILL)
    wait_for_no_process_of(data_dir)
    server.close()
    server.close()
    with attach(data_dir) as server:
        assert server.started_it


def test_the_next_start_recovers_when_everything_was_killed_at_once(data_dir: Path) -> None:
    with Program(data_dir) as program:
        seen = program.report()
        _commit_a_row(seen["url"])
        for pid in (seen["guardian"], seen["postmaster"]):
            os.kill(pid, signal.SIGKILL)
        program.kill()
        with attach(data_dir) as server:
            assert server.started_it
            _assert_row(server.url)


@pytest.mark.parametrize("victim", ["program", "guardian"])
def test_an_initdb_that_was_killed_half_way_leaves_no_half_made_data(
    new_data_dir: Path, victim: str
) -> None:
    with Program(new_data_dir) as program:
        wait_until(lambda: _in_initdb(new_data_dir))
        if victim == "program":
            program.kill()
        else:
            os.kill(_guardian_of(new_data_dir), signal.SIGKILL)
        with attach(new_data_dir) as server:
            _commit_a_row(server.url)
    assert not list(new_data_dir.glob("pgdata.new-*"))


def _guardian_of(data_dir: Path) -> int:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        words = entry.read_bytes().split(b"\0")
        if os.fsencode(data_dir) in words and any(word.endswith(b"boot.py") for word in words):
            return int(entry.parent.name)
    raise AssertionError("no guardian")


def test_ctrl_c_while_attaching_leaves_nothing(new_data_dir: Path) -> None:
    with Program(new_data_dir) as program:
        wait_until(lambda: _in_initdb(new_data_dir))
        assert program.interrupt() != 0
        wait_for_no_process_of(new_data_dir)
    assert not (new_data_dir / "pgdata").exists()


def test_ctrl_c_lets_the_program_drain_into_a_living_database(data_dir: Path) -> None:
    with Program(data_dir) as program:
        program.report()
        assert program.interrupt() == 9
    with attach(data_dir) as server, psycopg.connect(server.url) as connection:
        connection.execute("select from drained")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_meant_for_programs_leave_the_guardian_at_its_post(
    data_dir: Path, number: signal.Signals
) -> None:
    with attach(data_dir) as server:
        guardian, postmaster = server.guardian_pid, server.postmaster_pid
        os.kill(guardian, number)
        server.ensure()
        assert (server.guardian_pid, server.postmaster_pid) == (guardian, postmaster)


@pytest.mark.measured
def test_a_server_that_was_asked_to_stop_comes_back_for_its_users(data_dir: Path) -> None:
    with attach(data_dir) as server:
        stopped = server.postmaster_pid
        assert stopped is not None
        os.kill(stopped, signal.SIGTERM)
        wait_until(lambda: gone(stopped))
        server.ensure()
        _commit_a_row(server.url)


@pytest.mark.measured
def test_an_ephemeral_server_leaves_no_files_when_its_user_closes() -> None:
    with Server.attach(ephemeral=True) as server:
        places = [server.data_dir, server.socket_dir]
        assert all(place.exists() for place in places)
    assert not any(place.exists() for place in places)


@pytest.mark.measured
def test_what_a_killed_ephemeral_server_left_is_removed_by_the_next_one() -> None:
    server = Server.attach(ephemeral=True)
    left = server.data_dir
    os.kill(server.guardian_pid, signal.SIGKILL)
    wait_for_no_process_of(left)
    server.close()
    long_ago = left.stat().st_mtime - 3600
    os.utime(left, (long_ago, long_ago))
    with Server.attach(ephemeral=True):
        assert not left.exists()
        assert not server.socket_dir.exists()
