"""The command line itself: help, versions, options from the table, errors in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.cli.main import COMMANDS, root
from runtime.cli.options import all_options
from runtime.config import OPTIONS

ROOT = Path(__file__).parents[2]


def headrace(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the real command line, with no configuration but what is given."""
    kept = {key: value for key, value in os.environ.items() if "DATABASE_URL" not in key}
    return subprocess.run(
        [sys.executable, "-m", "runtime", *arguments],
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(ROOT)} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command_without_importing_any(tmp_path: Path) -> None:
    shown = headrace("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for name, (_, _, line) in COMMANDS.items():
        assert f"  {name} " in shown.stdout
        assert line in shown.stdout
    probe = (
        "import sys, runtime.cli.main; sys.exit('trio' in sys.modules or 'asyncpg' in sys.modules)"
    )
    probed = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, timeout=60, check=False)
    assert probed.returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_line_that_the_root_shows_of_it(name: str) -> None:
    import click

    context = click.Context(root)
    command = root.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_the_version_is_told(tmp_path: Path) -> None:
    assert headrace("--version", cwd=tmp_path).stdout.startswith("headrace 0")


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
    tmp_path: Path, arguments: tuple[str, ...], part: str
) -> None:
    ended = headrace(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert part in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_config_shows_each_option_with_its_source_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("workers = 3\n")
    environment = {"DATABASE_URL": "postgresql://me:hunter2@db/jobs", "HEADRACE_WORKRS": "1"}
    shown = headrace("config", "--no-http", cwd=tmp_path, environment=environment)
    assert shown.returncode == 0
    for option in OPTIONS:
        assert f"\n{option.name} " in shown.stdout
    assert "TOML " in shown.stdout
    assert "flag --http" in shown.stdout
    assert "me:***@db" in shown.stdout
    assert "hunter2" not in shown.stdout + shown.stderr
    assert "HEADRACE_WORKRS is no option of Headrace; did you mean workers?" in shown.stderr


def test_config_as_json_is_for_programs(tmp_path: Path) -> None:
    shown = json.loads(headrace("config", "--json", "--queues", "a,b:2", cwd=tmp_path).stdout)
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
