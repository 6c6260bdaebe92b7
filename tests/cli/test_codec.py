"""`codec rotate`, and a job shown sealed, or with its app's keys in clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import App, Client
from runtime.codec import AesGcm
from tests.cli.conftest import Cli

APP = """
from runtime import App
from runtime.codec import AesGcm

keys = {"old": bytes(16), "new": bytes(range(16))}
app = App(codec=AesGcm(keys, current="new"))
late = App(codec=AesGcm({"new": keys["new"]}))
"""


def test_jobs_are_shown_in_clear_with_their_app_and_rotated(
    on: Cli, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sealed_app.py").write_text(APP)
    monkeypatch.syspath_prepend(str(tmp_path))
    app = App(codec=AesGcm({"old": bytes(16)}))
    app.job(kind="mail")(lambda to: None)
    with Client(app, migrated_url) as client:
        job = client.enqueue("mail", to="zoe")

    assert on("job", "show", job.id, "--json").json["args"]["kid"] == "old"
    shown = on("job", "show", job.id, "--app", "sealed_app:app", "--json").json
    assert shown["args"] == {"to": "zoe"}
    failed = on("codec", "rotate", "sealed_app:late", "--json", status=1)
    assert failed.json["unreadable"] == 1
    assert "needs the key 'old'" in failed.err
    assert "args         1\n" in on("codec", "rotate", "sealed_app:app").out
    assert on("job", "show", job.id, "--json").json["args"]["kid"] == "new"
    assert on("codec", "rotate", "sealed_app:late", "--json").json["args"] == 0
