"""Data directories for the tests of the embedded server: each must end up without a process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from runtime.embedded import attach
from tests.embedded import covered_boot
from tests.embedded.programs import ROOT, wait_for_no_process_of
from tests.support.postgres import copy_cluster


@pytest.fixture
def new_data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that's made by who attaches first.

    Removed at once, so that most of its 40 MB never have to be written to the disk.
    """
    folder = tmp_path / "data"
    yield folder
    wait_for_no_process_of(folder)
    if folder.exists():
        shutil.rmtree(folder)


@pytest.fixture
def data_dir(new_data_dir: Path, made_cluster: Path) -> Path:
    """A data directory as if it had been used before: no initdb."""
    copy_cluster(made_cluster, new_data_dir)
    return new_data_dir


@pytest.fixture(autouse=True)
def _guardians_of_measured_tests_are_measured(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if coverage.Coverage.current() is None or request.node.get_closest_marker("measured") is None:
        return
    monkeypatch.setenv(covered_boot.LIBRARY, str(Path(coverage.__file__).parents[1]))
    monkeypatch.setenv(covered_boot.CONFIGURATION, str(ROOT / "pyproject.toml"))
    monkeypatch.setattr(attach, "_BOOT", Path(covered_boot.__file__))
