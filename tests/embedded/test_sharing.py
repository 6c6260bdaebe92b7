"""Several users of one data directory, and their ends."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.embedded.programs import Program, wait_for_no_process_of
from tests.support.postgres import attach, gone, wait_until


def _is_up(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def test_of_programs_that_come_at_once_one_starts_the_server_and_all_use_it(
    new_data_dir: Path,
) -> None:
    with ExitStack() as stack:
        programs = [stack.enter_context(Program(new_data_dir)) for _ in range(5)]
        reports = [program.report() for program in programs]
        assert sorted(report["started_it"] for report in reports) == [False] * 4 + [True]
        assert len({report["postmaster"] for report in reports}) == 1
        assert len({report["url"] for report in reports}) == 1


@pytest.mark.measured
def test_the_last_one_out_stops_the_server_before_its_close_returns(data_dir: Path) -> None:
    with Program(data_dir) as first, Program(data_dir) as second:
        seen = first.report()
        second.report()
        first.order("close")
        assert _is_up(seen["url"])
        second.order("close")
        assert gone(seen["postmaster"])
        assert gone(seen["guardian"])


def test_others_go_on_when_the_starter_is_killed(data_dir: Path) -> None:
    with Program(data_dir) as starter:
        started = starter.report()
        with attach(data_dir) as server:
            starter.kill()
            assert server.started_it is False
            server.ensure()
            assert _is_up(server.url)
            assert server.postmaster_pid == started["postmaster"]


def test_nothing_is_left_when_all_users_are_killed(data_dir: Path) -> None:
    with Program(data_dir) as first, Program(data_dir) as second:
        first.report()
        second.report()
        first.kill()
        second.kill()
        wait_for_no_process_of(data_dir)


def test_nothing_is_left_when_a_program_exits_without_closing(data_dir: Path) -> None:
    with Program(data_dir) as program:
        program.report()
        assert program.process.stdin is not None
        program.process.stdin.close()
        program.process.wait(timeout=30)
        wait_for_no_process_of(data_dir)


def test_programs_that_come_and_go_never_meet_a_closed_door(data_dir: Path) -> None:
    def visit(_: int) -> bool:
        with attach(data_dir) as server:
            return _is_up(server.url)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(visit, range(40)))


@pytest.mark.measured
def test_the_server_outlives_the_thread_that_started_it(data_dir: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(attach, data_dir).result()
    with server:
        postmaster = server.postmaster_pid
        with Program(data_dir) as program:
            assert program.report()["postmaster"] == postmaster


def test_a_forked_child_that_closes_takes_the_server_from_nobody(data_dir: Path) -> None:
    with Program(data_dir) as program:
        before = program.report()
        after = program.order("fork")
        assert _is_up(after["url"])
        assert program.order("ensure")["guardian"] == before["guardian"]


def test_a_forked_child_that_lives_on_does_not_keep_the_server(data_dir: Path) -> None:
    with Program(data_dir) as program:
        program.report()
        seen = program.order("stay")
        (child,) = seen["forked"]
        try:
            program.kill()
            wait_until(lambda: gone(seen["postmaster"]) and gone(seen["guardian"]))
            assert not gone(child)
        finally:
            os.kill(child, signal.SIGKILL)
