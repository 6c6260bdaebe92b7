"""Telling a living server from what a dead one left."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from runtime.embedded import places
from runtime.embedded.guardian import stale
from tests.support.postgres import attach, gone, wait_until


def _leave_locks(data_dir: Path, pid: int) -> None:
    """What a guardian and a postmaster that were killed leave behind."""
    pgdata = data_dir / "pgdata"
    (pgdata / "postmaster.pid").write_text(f"{pid}\n{pgdata}\n1700000000\n5432\n\n\n\nready   \n")
    sockets = places.socket_dir(data_dir)
    sockets.mkdir(mode=0o700)
    (sockets / ".s.PGSQL.5432.lock").write_text(f"{pid}\n{pgdata}\n1700000000\n5432\n{sockets}\n")


def _starts(data_dir: Path) -> bool:
    with attach(data_dir) as server, psycopg.connect(server.url) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def test_a_zombie_that_nobody_reaps_is_no_living_server(data_dir: Path) -> None:
    zombie = subprocess.Popen([sys.executable, "-c", "pass"])
    wait_until(lambda: gone(zombie.pid))
    _leave_locks(data_dir, zombie.pid)
    assert _starts(data_dir)
    zombie.wait()


def test_a_stranger_with_the_number_of_a_dead_server_is_left_alone(data_dir: Path) -> None:
    _leave_locks(data_dir, os.getpid())
    assert _starts(data_dir)


def test_a_process_that_is_gone_does_not_live(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    assert not stale.lives(ended.pid, tmp_path)


def test_a_process_that_works_in_the_directory_lives(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, cwd=tmp_path) as process:
        assert stale.lives(process.pid, tmp_path)
        process.kill()


def test_a_directory_without_a_pid_file_has_no_status(tmp_path: Path) -> None:
    assert stale.pid_of(tmp_path) is None
    assert stale.status_of(tmp_path, 1) == ""
