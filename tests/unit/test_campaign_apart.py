"""A program in a network namespace of the kernel's, where we may have one."""

from __future__ import annotations

import socketserver
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from scripts.benches.node import environment
from scripts.campaigns.apart import open_apart

# Connects once; then says, for each line, whether it could connect again, and what came back.
PROGRAM = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as connection:
    for line in sys.stdin:
        try:
            socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=0.1).close()
            reached = "reached"
        except OSError:
            reached = "unreached"
        print(reached, flush=True)
        connection.sendall(line.encode())
        print(connection.recv(100).decode().strip(), flush=True)
"""


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


def test_a_program_apart_is_cut_off_and_its_connection_goes_on_later(tmp_path: Path) -> None:
    path = tmp_path / "server"
    with (
        socketserver.ThreadingUnixStreamServer(str(path), _Echo) as server,
        open_apart(path) as apart,
    ):
        if apart is None:
            pytest.skip("the kernel lets this user have no network namespace")
        server.daemon_threads = True
        serving = threading.Thread(target=partial(server.serve_forever, 0.01))
        serving.start()
        try:
            with subprocess.Popen(
                [*apart.before, sys.executable, "-c", PROGRAM, str(apart.port)],
                env=environment(""),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as program:
                assert program.stdin is not None
                assert program.stdout is not None

                def say(word: str) -> str:
                    assert program.stdin is not None
                    assert program.stdout is not None
                    program.stdin.write(f"{word}\n")
                    program.stdin.flush()
                    return program.stdout.readline().strip()

                assert say("one") == "reached"
                assert program.stdout.readline().strip() == "one"
                apart.cut()
                assert say("two") == "unreached"
                apart.join()
                assert program.stdout.readline().strip() == "two"
                program.stdin.close()
        finally:
            server.shutdown()
            serving.join()
