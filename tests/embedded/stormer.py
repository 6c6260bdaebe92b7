"""A program for the storm test: `stormer.py DATA_DIR SEED ACKED`.

Commits numbers, notes each in the file ACKED once its commit has returned, and now and then kills
itself, the guardian, the postmaster or all three. Ends when it dies or has gone 20 rounds.
"""

import os
import random
import signal
import sys
from pathlib import Path

import psycopg

from runtime.embedded import Server

_ATTEMPTS = 100
"""To commit one number, while others kill the server under it."""


def main(data_dir: Path, seed: int, acked: Path) -> None:
    chance = random.Random(seed)
    with Server.attach(data_dir, settings={"fsync": "off"}) as server:
        for _ in range(20):
            number = chance.getrandbits(62)
            commit(server, number)
            with acked.open("a") as file:
                file.write(f"{number}\n")
            for pid in victims(server, chance.random()):
                kill(pid)


def commit(server: Server, number: int) -> None:
    """Commit the number, however often the server goes away meanwhile."""
    for _ in range(_ATTEMPTS):
        try:
            with psycopg.connect(server.url) as connection:
                connection.execute("insert into kept values (%s) on conflict do nothing", [number])
        except psycopg.OperationalError:
            server.ensure()
        else:
            return
    raise AssertionError(f"{number} could not be committed")


def victims(server: Server, draw: float) -> list[int]:
    """Whom to kill now: mostly nobody."""
    postmaster = [] if server.postmaster_pid is None else [server.postmaster_pid]
    if draw < 0.05:
        return [server.guardian_pid, *postmaster, os.getpid()]
    if draw < 0.1:
        return [server.guardian_pid]
    if draw < 0.2:
        return postmaster
    return [os.getpid()] if draw < 0.3 else []


def kill(pid: int) -> None:
    """kill -9, of which another may have thought before."""
    if Path(f"/proc/{pid}").exists():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            print(f"{pid} was gone", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
