"""The pytest plugin, in runs of pytest of its own, as a user's suite has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest

from runtime.testing.servers import URL_VARIABLE, running
from tests.support.postgres import DatabaseServer, copy_cluster

ROOT = Path(__file__).parents[2]
CONFTEST = """
    import pytest
    from runtime import App, current_job

    app = App()

    @app.job
    def greet(name: str) -> str:
        return f"hello {name}"

    @pytest.fixture(scope="session")
    def headrace_app():
        return app
"""
SUITE = """
    import pytest
    from conftest import greet

    def test_a_job_is_enqueued_and_run(headrace):
        job = headrace.client.enqueue(greet, name="zoe")
        headrace.assert_enqueued(greet, name="zoe")
        assert headrace.drain().completed == 1
        assert job.result(timeout=20) == "hello zoe"

    @pytest.mark.parametrize("number", range(2))
    def test_each_has_a_database_of_its_own(headrace, headrace_client, number):
        headrace.refute_enqueued(greet)
        headrace_client.enqueue("greet", name=str(number))

    def test_asyncio_has_a_client(headrace_async_client):
        import asyncio
        async def main():
            async with headrace_async_client as client:
                return (await client.enqueue(greet, name="a")).inserted
        assert asyncio.run(main())
"""
STRANGER = """
    import sys

    def test_nothing_was_imported():
        ours = {name for name in sys.modules if name.startswith("runtime")}
        assert ours == {"runtime", "runtime.testing", "runtime.testing.plugin"}
        assert not {"trio", "asyncpg", "msgspec", "attrs"} & set(sys.modules)
"""


def run(directory: Path, suite: str, *flags: str, url: str = "", **files: str) -> str:
    """Run a suite with the plugin, as where Headrace is installed. What pytest printed."""
    (directory / "test_suite.py").write_text(dedent(suite))
    for name, text in files.items():
        (directory / f"{name}.py").write_text(dedent(text))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HEADRACE_", "PYTEST_", "COVERAGE_", "COV_"))
    }
    plugins = ["-p", "runtime.testing.plugin", "-p", "no:cacheprovider"]
    named = ["--headrace-url", url] if url else []
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", *plugins, *named, *flags],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_suite_has_a_database_for_each_test_also_under_xdist(
    tmp_path: Path, postgres_server: DatabaseServer
) -> None:
    workers = ("-p", "xdist", "-n", "1")
    printed = run(tmp_path, SUITE, *workers, url=postgres_server.url, conftest=CONFTEST)

    assert "4 passed" in printed
    assert "warning" not in printed


def test_processes_that_share_a_directory_share_an_embedded_server(
    tmp_path: Path, made_cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    data = tmp_path / "headrace-postgres"
    copy_cluster(made_cluster, data)

    with running(None, tmp_path) as one:
        with running(None, tmp_path) as other:
            assert one == other
        assert data.exists()
        with psycopg.connect(one) as conn:
            assert conn.execute("SHOW fsync").fetchone() == ("off",)
    assert not data.exists()


def test_a_suite_that_does_not_use_it_does_not_notice_it(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, STRANGER)


def test_our_entry_point_leads_to_it() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"headrace": "runtime.testing.plugin"}


def test_the_kit_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None; from runtime.testing import Kit, drain, perform"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
