"""Options: one table, four sources, errors that say what to do."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.config import OPTION, OPTIONS, Config, Option, QueueLimit, Settings, load
from runtime.errors import ConfigError


def load_in(
    directory: Path,
    flags: dict[str, str | bool] | None = None,
    environment: dict[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    return load(flags or {}, environment or {}, directory, file)


def test_without_any_source_all_options_have_their_defaults(tmp_path: Path) -> None:
    settings = load_in(tmp_path)
    assert settings.config == Config()
    assert set(settings.sources.values()) == {"default"}
    assert settings.file is None


def test_flags_win_over_environment_over_toml_over_defaults(tmp_path: Path) -> None:
    toml = tmp_path / "headrace.toml"
    toml.write_text("workers = 2\nlease_seconds = 30\nterm_seconds = 7\n")
    settings = load_in(
        tmp_path,
        {"workers": "4"},
        {"HEADRACE_WORKERS": "3", "HEADRACE_LEASE_SECONDS": "40"},
    )
    config = settings.config
    assert (config.workers, config.lease_seconds, config.term_seconds) == (4, 40.0, 7.0)
    assert settings.sources["workers"] == "flag --workers"
    assert settings.sources["lease_seconds"] == "environment HEADRACE_LEASE_SECONDS"
    assert settings.sources["term_seconds"] == f"TOML {toml}"
    assert settings.sources["heartbeat_seconds"] == "default"
    assert settings.file == toml


def test_pyproject_is_read_where_there_is_no_headrace_toml(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.headrace]\nqueues = ["a", "b:3"]\n')
    settings = load_in(tmp_path)
    assert settings.config.queues == (QueueLimit("a"), QueueLimit("b", 3))
    (tmp_path / "headrace.toml").write_text('queues = ["c"]\n')
    assert load_in(tmp_path).config.queues == (QueueLimit("c"),)


def test_a_pyproject_without_our_table_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert load_in(tmp_path).file is None


def test_a_named_file_replaces_those_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("workers = 2\n")
    other = tmp_path / "other.toml"
    other.write_text("workers = 5\n")
    assert load_in(tmp_path, file=other).config.workers == 5
    assert load_in(tmp_path, environment={"HEADRACE_CONFIG": str(other)}).config.workers == 5


def test_a_named_file_must_exist_and_be_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration in .*absent\.toml"):
        load_in(tmp_path, file=tmp_path / "absent.toml")
    (tmp_path / "headrace.toml").write_text("workers = = 3\n")
    with pytest.raises(ConfigError, match=r"headrace\.toml"):
        load_in(tmp_path)


def test_an_unknown_key_in_toml_is_an_error_with_a_guess(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("lease-second = 3\n")
    with pytest.raises(ConfigError, match=r"unknown option 'lease-second'; did you mean lease_s"):
        load_in(tmp_path)


def test_an_unknown_variable_is_a_note(tmp_path: Path) -> None:
    settings = load_in(tmp_path, environment={"HEADRACE_WORKER": "3", "HEADRACE_TEST_X": "1"})
    (note,) = settings.notes
    assert note == "environment HEADRACE_WORKER is no option of Headrace; did you mean workers?"


def test_a_bad_value_names_option_source_value_and_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_in(tmp_path, environment={"HEADRACE_WORKERS": "many"})
    assert str(raised.value) == (
        "workers from environment HEADRACE_WORKERS is 'many', but must be a whole number of "
        "workers, at least 1 and at most 1,024, or 0 (one for each usable core)"
    )


def test_toml_numbers_are_numbers_and_not_text(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text('workers = "3"\n')
    with pytest.raises(ConfigError, match=r"workers from TOML .* is '3', but must be a whole"):
        load_in(tmp_path)
    (tmp_path / "headrace.toml").write_text("workers = true\n")
    with pytest.raises(ConfigError, match="is True, but must be a whole number"):
        load_in(tmp_path)


def test_a_direct_config_is_checked_alike() -> None:
    with pytest.raises(ConfigError, match="bridge is 'x', but must be one of auto, trio-asyncio"):
        Config(bridge="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="namespace is 'Head', but must be a lower-case"):
        Config(namespace="Head")


def test_combinations_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="heartbeat_seconds is 5, but must be at most a third"):
        Config(lease_seconds=14.0)
    with pytest.raises(ConfigError, match="payload_warn_bytes is 4096, but must be at most"):
        Config(payload_limit_bytes=2048, payload_warn_bytes=4096)


def test_the_url_of_a_file_is_a_secret_that_no_message_shows(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://me:hunter2@db/jobs\n")
    settings = load_in(tmp_path, environment={"DATABASE_URL_FILE": str(secret)})
    assert settings.config.database_url == "postgresql://me:hunter2@db/jobs"
    assert "hunter2" not in repr(settings)
    shown = OPTION["database_url"].show(settings.config.database_url)
    assert shown == "postgresql://me:***@db/jobs"
    with pytest.raises(ConfigError, match="HEADRACE_DATABASE_URL_FILE: cannot read"):
        load_in(tmp_path, environment={"HEADRACE_DATABASE_URL_FILE": str(tmp_path / "no")})


def test_our_own_variable_wins_over_the_common_one(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": "postgres://common", "HEADRACE_DATABASE_URL": "postgres://own"}
    assert load_in(tmp_path, environment=environment).config.database_url == "postgres://own"


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@ss/w:rd@h:1/d", "postgresql://h/d?password=p@ss"]
)
def test_a_password_is_masked_wherever_it_stands(url: str) -> None:
    assert "p@ss" not in OPTION["database_url"].show(url)


@pytest.mark.parametrize("raw", ["", "a,a", "a,a:2", "a:0", ":3", "a\nb", "x" * 128])
def test_queues_that_cannot_be_are_refused(tmp_path: Path, raw: str) -> None:
    with pytest.raises(ConfigError, match="queues"):
        load_in(tmp_path, {"queues": raw})


@pytest.mark.parametrize(
    ("raw", "queue"),
    [
        ("a", QueueLimit("a")),
        ("a:3", QueueLimit("a", 3)),
        ("of: us", QueueLimit("of: us")),
        ("of:us:12", QueueLimit("of:us", 12)),
    ],
)
def test_a_queue_may_have_a_limit_behind_its_last_colon(
    tmp_path: Path, raw: str, queue: QueueLimit
) -> None:
    assert load_in(tmp_path, {"queues": f"other, {raw}"}).config.queues[1] == queue
    assert str(queue) == raw


def test_a_pooler_cannot_listen() -> None:
    assert Config().listens
    assert not Config(pooler=True).listens
    assert not Config(poll_only=True).listens


def test_no_workers_given_means_one_for_each_usable_core() -> None:
    assert Config(workers=3).worker_count == 3
    assert Config().worker_count >= 1


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_what_is_shown_of_a_default_reads_back_as_that_default(option: Option) -> None:
    assert option.kind.read(option.kind.show(option.default)) == option.default
    assert option.help.endswith(".")


@pytest.mark.untraced
@settings(max_examples=40)
@given(st.floats() | st.integers() | st.text() | st.booleans() | st.none())
def test_any_value_is_taken_whole_or_refused_by_name(value: object) -> None:
    try:
        config = Config(timeout_seconds=value)  # type: ignore[arg-type]
    except ConfigError as error:
        assert str(error).startswith("timeout_seconds is ")  # noqa: PT017 - either way is right
    else:
        assert config.timeout_seconds == float(value)  # type: ignore[arg-type]
        assert math.isfinite(config.timeout_seconds)
