"""The README tells the truth: its snippets run, its commands exist, its made blocks are current."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import CodeType
from typing import Any

import asyncpg
import attrs
import psycopg
import pytest
import trio

from runtime import App, Client, Discard, Snooze, enqueue_many, exponential
from runtime.cli.serve import serve
from runtime.config import Config
from scripts.readme_blocks import README, rewritten
from tests.support.migrated import migrate

TEXT = README.read_text()
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for name, body in _BLOCK.findall(TEXT) if name == language]


def python_block(mark: str) -> str:
    """The one Python snippet that has this text in it."""
    (found,) = [body for body in blocks("python") if mark in body]
    return found


@pytest.fixture
def thumbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The README's first file, imported from a file of that name."""
    (tmp_path / "thumbs.py").write_text(python_block("# thumbs.py"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    import thumbs  # type: ignore[import-not-found, unused-ignore]

    yield thumbs
    del sys.modules["thumbs"]


@pytest.fixture
def url(database_url: str) -> str:
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE upload (path text)")
    return database_url


def jobs(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM headrace.job").fetchone()
        assert row is not None
        return int(row[0])


def run(code: str, names: dict[str, Any]) -> None:
    """Run a snippet, which may await at its top level, as in asyncio's REPL."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiled = compile(code, "README.md", "exec", flags=flags, dont_inherit=True)
    assert isinstance(compiled, CodeType)
    if compiled.co_flags & inspect.CO_COROUTINE:
        names["__snippet__"] = eval(compiled, names)  # noqa: S307, RUF100 - our own README
        return
    exec(compiled, names)  # noqa: S102, RUF100


def test_the_first_example_enqueues_in_the_users_transaction(thumbs: Any, url: str) -> None:
    run(python_block("INSERT INTO upload"), {"psycopg": psycopg, **vars(thumbs), "url": url})

    assert jobs(url) == 1


def test_every_way_to_enqueue_works(thumbs: Any, url: str) -> None:
    async def scenario() -> None:
        with psycopg.connect(url) as connection:
            names = {
                **vars(thumbs),
                "connection": connection,
                "asyncpg_connection": await asyncpg.connect(url),
                "enqueue_many": enqueue_many,
            }
            run(python_block("await thumbnail.enqueue"), names)
            await names["__snippet__"]
            await names["asyncpg_connection"].close()

    asyncio.run(scenario())

    assert jobs(url) == 10_003


def test_the_sql_function_enqueues(url: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in blocks("sql"):
            connection.execute(statement.encode())

    assert jobs(url) == 1


def test_the_handlers_are_handlers(thumbs: Any) -> None:
    @attrs.define
    class Report:
        frames: int
        at: datetime

    app = App()
    names: dict[str, Any] = {
        "app": app,
        "exponential": exponential,
        "Snooze": Snooze,
        "Discard": Discard,
        "Path": Path,
        "Decimal": Decimal,
        "datetime": datetime,
        "Report": Report,
        "asyncio": asyncio,
    }
    run(python_block("def transcode"), names)

    assert set(app.handlers) == {"transcode", "fetch"}
    assert names["transcode"](Path(__file__), Decimal(2), datetime.min).frames == 24


def test_a_client_waits_for_a_job_that_an_embedded_node_runs(
    thumbs: Any, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"trio": trio, "Config": Config, "url": url}
    run(python_block("my_actor"), names)
    stop_soon: list[trio.lowlevel.TrioToken] = []
    stop = trio.Event()

    async def main() -> None:
        stop_soon.append(trio.lowlevel.current_trio_token())
        await names["main"](stop)

    node = threading.Thread(target=trio.run, args=(main,))
    node.start()
    try:
        client = {"Client": Client, **vars(thumbs), "url": url}
        run(python_block("job.result(timeout=60)"), client)
    finally:
        stop_soon[0].run_sync_soon(stop.set)
        node.join(60)

    assert "bytes" in capsys.readouterr().out
    assert not node.is_alive()


def test_the_made_blocks_are_current() -> None:
    assert rewritten(TEXT) == TEXT


def command_lines() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    calls = [line.removeprefix("$ ").partition("#")[0].strip() for line in lines if line[:1] == "$"]
    return [call for call in calls if call.startswith(("headrace ", "python -m runtime "))]


def test_every_command_of_the_readme_runs(thumbs: Any, url: str) -> None:
    """Each in a process of its own, but for `serve`, which other tests run: it is parsed."""
    with psycopg.connect(url) as connection:
        job = thumbs.thumbnail.enqueue(connection, path="cat.png")
    for line in command_lines():
        known = line.replace("ID", str(job.id)).replace("postgresql://…", url)
        words = shlex.split(known.removeprefix("python -m runtime").removeprefix("headrace"))
        if words[0] == "serve":
            serve.make_context("serve", words[1:])
        else:
            called = [sys.executable, "-m", "runtime", *words]
            done = subprocess.run(
                called, env=environment(url), cwd=README.parent, capture_output=True, text=True
            )
            assert done.returncode == 0, (line, done.stdout, done.stderr)


def environment(url: str) -> dict[str, str]:
    # Without measuring: these commands have tests of their own, and take twice as long with it.
    others = ("HEADRACE_", "COVERAGE_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(others)}
    return {**kept, "DATABASE_URL": url}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", TEXT))))
def test_every_link_of_the_readme_leads_to_a_file(target: str) -> None:
    assert (README.parent / target).is_file()
