"""Where data and sockets live."""

import os
import tempfile
from pathlib import Path

import pytest

from runtime.embedded import EmbeddedPostgresError, places


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEADRACE_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_the_data_directory_is_the_named_one_before_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_DATA_DIR", str(tmp_path / "by_variable"))
    assert places.data_dir(None) == tmp_path / "by_variable"
    assert places.data_dir(tmp_path / "by_argument") == tmp_path / "by_argument"


def test_else_it_is_in_the_user_s_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.data_dir(None) == tmp_path / ".local/share/headrace/postgres"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert places.data_dir(None) == tmp_path / "xdg/headrace/postgres"
    assert places.data_dir(None).stat().st_mode & 0o777 == 0o700


def test_where_home_can_t_be_written_it_is_private_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = places.data_dir(None)
    assert folder == tmp_path / f"headrace-data-{os.geteuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_cluster_of_somebody_else_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("16")
    with pytest.raises(EmbeddedPostgresError, match="itself a cluster"):
        places.data_dir(tmp_path)


def test_a_directory_that_can_t_be_made_is_an_error_that_names_the_variable(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match="HEADRACE_DATA_DIR"):
        places.data_dir(tmp_path / "file" / "data")


def test_a_socket_s_path_is_short_wherever_the_data_and_the_temporary_folder_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", f"/var/{'x' * 90}")
    folder = places.socket_dir(tmp_path / ("y" * 200))
    assert len(os.fsencode(folder / ".s.PGSQL.5432")) < 104


def test_each_data_directory_has_its_own_sockets_and_always_the_same(tmp_path: Path) -> None:
    assert places.socket_dir(tmp_path / "a") == places.socket_dir(tmp_path / "a")
    assert places.socket_dir(tmp_path / "a") != places.socket_dir(tmp_path / "b")
