"""Programs, guardians and postmasters die in a storm of kill -9."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import psycopg

from tests.embedded.programs import ROOT
from tests.support.postgres import attach

_STORMER = str(Path(__file__).with_name("stormer.py"))
_PROGRAMS = 7
_AT_ONCE = 3


def test_in_a_storm_of_kills_no_commit_is_lost_and_the_server_always_comes_back(
    data_dir: Path, tmp_path: Path
) -> None:
    acked = tmp_path / "acked"
    with attach(data_dir) as server, psycopg.connect(server.url) as connection:
        connection.execute("create table kept (number bigint primary key)")
    _storm(data_dir, acked)
    with attach(data_dir) as server, psycopg.connect(server.url) as connection:
        kept = {number for (number,) in connection.execute("select number from kept")}
    promised = {int(line) for line in acked.read_text().split()}
    assert promised
    assert promised <= kept


def _storm(data_dir: Path, acked: Path) -> None:
    """Run the programs, a few at once; each must end in order or be killed."""
    seeds = iter(range(_PROGRAMS))
    running = [_start(data_dir, seed, acked) for seed in islice(seeds, _AT_ONCE)]
    try:
        while running:
            assert running[0].wait(timeout=60) in {0, -9}
            del running[0]
            running += [_start(data_dir, seed, acked) for seed in islice(seeds, 1)]
    finally:
        for process in running:
            process.kill()
            process.wait()


def _start(data_dir: Path, seed: int, acked: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, _STORMER, str(data_dir), str(seed), str(acked)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
