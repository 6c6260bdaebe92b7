"""The README's chapter on workflows: its snippets run, on a node that serves what they define."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runtime
from runtime.client.handle import ClientHandle
from runtime.lifecycle import JobState
from scripts.readme_blocks import README
from tests.support.migrated import migrate
from tests.test_readme_chapters import serving

FIRST, LAST = "## Workflows", "## Inside a handler"
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def released(client: runtime.Client, job: ClientHandle[str]) -> None:
    """Cancel the reservation once it waits: it releases the room, and ends cancelled."""
    while client.get(job.id).state is not JobState.PENDING:
        time.sleep(0.05)
    client.cancel(job.id, "no longer wanted")
    with pytest.raises(runtime.JobFailed, match="no longer wanted"):
        job.result(timeout=60)
    assert [step.name for step in client.steps(job) if step.op == "step"] == ["hold", "release"]


def test_the_snippets_of_the_workflows_run(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = README.read_text()
    define, use, define_more, graph = _BLOCK.findall(text[text.index(FIRST) : text.index(LAST)])
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE shipment (id text, weight int)")
    names: dict[str, Any] = {
        "__name__": "__main__",  # so that its functions are pickled whole
        **{name: getattr(runtime, name) for name in dir(runtime) if name[0] != "_"},
        "url": database_url,
        "psycopg": psycopg,
        "timedelta": timedelta,
        "uuid4": uuid4,
    }
    for code in (define, define_more):
        exec(compile(code, "README.md", "exec", dont_inherit=True), names)  # noqa: S102, RUF100
    with serving(database_url, names["app"]):
        exec(compile(use, "README.md", "exec", dont_inherit=True), names)  # noqa: S102, RUF100
        with runtime.Client(names["app"], database_url) as client:
            client.emit_event("rate", 1.5)
            assert client.enqueue(names["quote"], ["Rome"]).result(timeout=60) == [6.0]
            released(client, client.enqueue(names["reserve"], "42"))
        exec(compile(graph, "README.md", "exec", dont_inherit=True), names)  # noqa: S102, RUF100
    printed = capsys.readouterr().out
    assert "{'weight': 80}" in printed
    assert "2 for A-17, approved by Ada\n" in printed
    assert "2 for A-17, approved by Grace\n" in printed
    assert "6 transaction book" in printed
    assert "{'cup': 30, 'spoon': 50, 'weigh': 80}" in printed
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT id, weight FROM shipment").fetchall()
    assert found == [("A-17", 80), ("A-17", 80)]
