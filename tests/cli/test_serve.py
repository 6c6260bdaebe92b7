"""`serve` as a process: it serves, drains, and leaves nothing behind.

What becomes of jobs meanwhile, and how it is forced, is in tests/system/test_drain.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.embedded import Server
from tests.cli.conftest import Cli
from tests.support.postgres import gone, wait_until

ROOT = Path(__file__).parents[2]
APP = """
from runtime import App

app = App()

@app.job
def add(a: int, b: int) -> int:
    return a + b
"""


class Serving:
    """A `serve` process whose log is read as it comes."""

    def __init__(self, directory: Path, arguments: tuple[str, ...], **environment: str) -> None:
        (directory / "shop.py").write_text(APP)
        command = [sys.executable, "-m", "runtime", "serve", *arguments]
        base = {key: value for key, value in os.environ.items() if "DATABASE_URL" not in key}
        settings = {
            "PYTHONPATH": str(ROOT),
            "HEADRACE_LOG_FORMAT": "json",
            "HEADRACE_LOG_LEVEL": "debug",
            "HEADRACE_HTTP_PORT": "0",
            "HEADRACE_WORKERS": "1",
        }
        self.process = subprocess.Popen(
            command, cwd=directory, env=base | settings | environment, stderr=subprocess.PIPE
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.decode().rstrip())

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    def wait_for(self, part: str) -> None:
        """Until a line of the log has it."""
        try:
            wait_until(lambda: any(part in line for line in self.lines))
        except AssertionError:
            pytest.fail(f"no {part!r} in:\n" + "\n".join(self.lines))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [entry for entry in self.log if entry.get("event") == name]

    def ended(self) -> int:
        """The exit status, once it and all its processes are gone."""
        status = self.process.wait(timeout=60)
        self._reader.join(timeout=30)
        started = self.events("ForkServerStarted") + self.events("ChildStarted")
        for pid in (entry["pid"] for entry in started):
            wait_until(lambda pid=pid: gone(pid))  # type: ignore[misc]
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.ended()
        assert self.process.stderr is not None
        self.process.stderr.close()


Serve = Callable[..., Serving]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    begun: list[Serving] = []

    def begin(*arguments: str, **environment: str) -> Serving:
        begun.append(Serving(tmp_path, arguments or ("shop:app",), **environment))
        return begun[-1]

    yield begin
    for serving in begun:
        serving.close()


@pytest.mark.measured
def test_a_job_is_served_and_the_node_drains_on_sigterm(
    on: Cli, migrated_url: str, serve: Serve
) -> None:
    added = on("enqueue", "add", '{"a": 1, "b": 2}').out.strip()
    node = serve(DATABASE_URL=migrated_url)
    wait_until(lambda: on("job", "show", added, "--json").json["state"] == "completed")
    assert on("job", "show", added, "--json").json["output"] == 3
    (row,) = on("node", "list", "--json").json
    assert (row["live"], row["pid"], row["workers"]) == (True, node.process.pid, 1)
    assert "ok        nodes: 1 alive, serving default" in on("check").out
    node.process.send_signal(signal.SIGTERM)
    assert node.ended() == 0
    assert [row["live"] for row in on("node", "list", "--json").json] == [False]


def test_its_health_and_metrics_are_served(migrated_url: str, serve: Serve) -> None:
    node = serve(DATABASE_URL=migrated_url)
    node.wait_for("serving as")
    node.wait_for("metrics and health at")
    (line,) = (each["message"] for each in node.log if "metrics and health" in each["message"])
    address = line.rpartition(" ")[2]

    def fetch(path: str) -> str:
        with urllib.request.urlopen(address + path, timeout=10) as response:
            body: bytes = response.read()
        return body.decode()

    assert json.loads(fetch("/readyz"))["status"] == "ready"
    assert "distributor" in json.loads(fetch("/healthz"))["loops"]
    assert "headrace_listener_up 1.0" in fetch("/metrics")


def test_a_new_database_is_migrated_on_request(cli: Cli, database_url: str, serve: Serve) -> None:
    node = serve("shop:app", "--migrate", DATABASE_URL=database_url)
    node.wait_for("serving as")
    node.process.send_signal(signal.SIGTERM)
    assert node.ended() == 0
    cli("migrate", "status", "--database-url", database_url)


def test_without_a_url_it_serves_from_the_embedded_database_also_after_its_guardian_was_killed(
    cli: Cli, serve: Serve, tmp_path: Path
) -> None:
    node = serve(HEADRACE_DATA_DIR=str(tmp_path / "data"))
    node.wait_for("serving as")
    assert f"in {tmp_path / 'data'}" in node.lines[0]
    added = cli("enqueue", "add", '{"a": 2, "b": 2}', "--data-dir", tmp_path / "data").out.strip()
    show = ("job", "show", added, "--json", "--data-dir", tmp_path / "data")
    wait_until(lambda: cli(*show).json["output"] == 4)
    with Server.attach(tmp_path / "data") as server:
        guardian = server.guardian_pid
    os.kill(guardian, signal.SIGKILL)
    node.wait_for("reached the database after")
    node.process.send_signal(signal.SIGTERM)
    assert node.ended() == 0


@pytest.mark.measured
def test_an_app_that_cannot_be_imported_is_a_usage_error(migrated_url: str, serve: Serve) -> None:
    node = serve("nowhere:app", DATABASE_URL=migrated_url)
    assert node.ended() == 2
    text = "\n".join(node.lines)
    assert "headrace: cannot import nowhere:app" in text
    assert "ModuleNotFoundError: No module named 'nowhere'" in text
    assert "actors/kit" not in text  # no traceback of ours


def test_a_port_that_is_taken_is_an_error_where_it_was_asked_for(
    migrated_url: str, serve: Serve
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        node = serve(DATABASE_URL=migrated_url, HEADRACE_HTTP_PORT=port)
        assert node.ended() == 2
    assert node.lines[-1].startswith("headrace: cannot listen on http_host 127.0.0.1, http_port")


@pytest.mark.measured
def test_systemd_is_told_how_far_it_is(migrated_url: str, serve: Serve, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(30)
        node = serve(DATABASE_URL=migrated_url, NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert told.recv(100) == b"READY=1"
        node.process.send_signal(signal.SIGTERM)
        assert told.recv(100) == b"STOPPING=1"
        assert node.ended() == 0
