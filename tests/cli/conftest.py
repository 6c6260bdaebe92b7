"""The command line in this process: quick, with exit status and output as people see them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from runtime.cli.main import run


@attrs.frozen
class Ended:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, which is JSON."""
        return json.loads(self.out)


Cli = Callable[..., Ended]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Runs a command in an empty directory and environment; asserts the exit status."""
    monkeypatch.chdir(tmp_path)
    ours = {name for name in os.environ if name.startswith("HEADRACE_")}
    for variable in {"DATABASE_URL", *ours}:
        monkeypatch.delenv(variable, raising=False)
    # It is for a process of its own; here it would take the log away from pytest.
    monkeypatch.setattr("runtime.cli.logs.configure", lambda level, style: None)

    def call(*arguments: object, status: int = 0) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            run([str(each) for each in arguments])
        out, err = capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        assert code == status, f"status {code}:\n{out}\n{err}"
        assert "Traceback" not in err
        return Ended(code, out, err)

    return call


@pytest.fixture
def migrated_url(headrace_url: str) -> str:
    """A migrated database of the test's own."""
    return headrace_url


@pytest.fixture
def on(cli: Cli, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`cli`, on a migrated database."""
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    return cli
