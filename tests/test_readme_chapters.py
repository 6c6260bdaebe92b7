"""The README's chapters from handlers to maintenance: their snippets run, in their order.

They make one program: what one chapter defines the next ones use. A node serves the first of their
handlers while the others are defined.
"""

from __future__ import annotations

import datetime
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cloudpickle  # type: ignore[import-untyped, unused-ignore]
import msgspec
import psycopg
import pytest
import trio

import runtime
from actors.node import serve
from runtime.config import Config
from runtime.config.queues import QueueLimit
from runtime.testing import Kit
from scripts.readme_blocks import README
from tests.support.migrated import migrate

FIRST, LAST = "## Inside a handler", "## Promises"
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def snippets() -> list[str]:
    text = README.read_text()
    return _BLOCK.findall(text[text.index(FIRST) : text.index(LAST)])


@contextmanager
def serving(url: str, app: runtime.App) -> Iterator[None]:
    """A node with the handlers that the app has now."""
    config = Config(
        database_url=url, workers=1, http=False, queues=(QueueLimit("default"), QueueLimit("media"))
    )
    up, down = threading.Event(), trio.Event()
    tokens: list[trio.lowlevel.TrioToken] = []

    async def main() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        await serve(config, cloudpickle.dumps(app), stop=down, started=lambda _: up.set())

    node = threading.Thread(target=trio.run, args=(main,))
    node.start()
    try:
        assert up.wait(60)
        yield
    finally:
        tokens[0].run_sync_soon(down.set)
        node.join(60)


def thumbnail(path: str) -> dict[str, int]:
    return {"bytes": len(path)}


def test_the_snippets_of_the_chapters_run(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(database_url)
    first, *others = snippets()
    app = runtime.App()
    with psycopg.connect(database_url) as connection:
        names: dict[str, Any] = {
            "__name__": "__main__",  # so that its functions are pickled whole
            **{name: getattr(runtime, name) for name in dir(runtime) if name[0] != "_"},
            "app": app,
            "url": database_url,
            "connection": connection,
            "Any": Any,
            "Callable": Callable,
            "Iterator": Iterator,
            "dataclass": dataclass,
            "logging": logging,
            "msgspec": msgspec,
            "time": time,
            "psycopg": psycopg,
            "timedelta": datetime.timedelta,
        }
        exec(compile(first, "README.md", "exec", dont_inherit=True), names)  # noqa: S102, RUF100
        with serving(database_url, app):
            for number, snippet in enumerate(others, 2):
                name = f"README.md, snippet {number}"
                exec(compile(snippet, name, "exec", dont_inherit=True), names)  # noqa: S102, RUF100
    names["thumbnail"] = app.job(kind="thumbnail", queue="default")(thumbnail)
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM headrace.job WHERE kind <> 'thumbnail'")
    names["test_a_thumbnail_is_made"](Kit(database_url, app))
    printed = capsys.readouterr().out
    assert "completed 1.0 chunk 3" in printed
    assert "cancelled digest" in printed
