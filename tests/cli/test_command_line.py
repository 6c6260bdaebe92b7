"""The command line itself: help, versions, options from the table, errors in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from runtime.cli.main import COMMANDS, root, run
from runtime.cli.options import all_options
from runtime.config import OPTIONS
from tests.cli.conftest import Cli

ROOT = Path(__file__).parents[2]


def test_help_names_every_command_without_importing_any(cli: Cli) -> None:
    shown = cli("--help").out
    for name, (_, _, line) in COMMANDS.items():
        assert f"  {name} " in shown
        assert line in shown
    probe = (
        "import sys, runtime.cli.main; sys.exit('trio' in sys.modules or 'asyncpg' in sys.modules)"
    )
    probed = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, timeout=60, check=False)
    assert probed.returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_line_that_the_root_shows_of_it(name: str) -> None:
    context = click.Context(root)
    command = root.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("--version").out.startswith("headrace 0")


def test_the_module_is_a_program(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "runtime", "config", "--workers", "x"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"headrace: workers from flag")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("bogus",), "No such command 'bogus'"),
        (("config", "--bogus"), "No such option"),
        (("config", "--workers", "many"), "headrace: workers from flag --workers is 'many', but"),
        (
            ("config", "--config", "absent.toml"),
            "headrace: cannot read the configuration in absent",
        ),
        (("serve",), "headrace: no app to serve; name one"),
        (("enqueue", "k", "--at", "tomorrow"), "is no time such as"),
    ],
)
def test_a_usage_error_is_status_2_and_no_traceback(
    cli: Cli, arguments: tuple[str, ...], part: str
) -> None:
    ended = cli(*arguments, status=2)
    assert part in ended.err
    assert ended.out == ""


def test_config_shows_each_option_with_its_source_and_no_secret(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "headrace.toml").write_text("workers = 3\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@db/jobs")
    monkeypatch.setenv("HEADRACE_WORKRS", "1")
    shown = cli("config", "--no-http")
    for option in OPTIONS:
        assert f"\n{option.name} " in shown.out
    assert "TOML " in shown.out
    assert "flag --http" in shown.out
    assert "me:***@db" in shown.out
    assert "hunter2" not in shown.out + shown.err
    assert "HEADRACE_WORKRS is no option of Headrace; did you mean workers?" in shown.err


def test_config_as_json_is_for_programs(cli: Cli) -> None:
    shown = cli("config", "--json", "--queues", "a,b:2").json
    assert list(shown) == all_options()
    assert shown["queues"]["value"] == "a,b:2"
    assert shown["queues"]["source"] == "flag --queues"
    assert shown["lease_seconds"] == {
        "value": 20.0,
        "source": "default",
        "default": 20.0,
        "flag": "--lease-seconds",
        "environment": ["HEADRACE_LEASE_SECONDS"],
        "group": "lease and polls",
        "help": "A dead node's jobs are given back after this long.",
        "allowed": "a number of seconds, at least 2 and at most 86,400",
    }


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime", "config"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert errors == b""


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (click.Abort(), 130), (ZeroDivisionError(), 1)],
)
def test_only_what_nobody_expected_has_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(root, "main", fail)
    with pytest.raises(SystemExit) as left:
        run([])
    assert left.value.code == status
    assert ("Traceback" in capsys.readouterr().err) == (status == 1)
