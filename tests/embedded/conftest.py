"""Data directories for the tests of the embedded server: each must end up without a process."""

from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from runtime.embedded import attach
from tests.embedded import covered_boot
from tests.embedded.programs import ROOT, wait_for_no_process_of


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that's made by who attaches first."""
    folder = tmp_path / "data"
    yield folder
    wait_for_no_process_of(folder)


@pytest.fixture(scope="session", autouse=True)
def _guardians_are_measured_with_us() -> Iterator[None]:
    """Where the tests run under coverage, the guardians that they start do so too."""
    if coverage.Coverage.current() is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(covered_boot.LIBRARY, str(Path(coverage.__file__).parents[1]))
        patch.setenv(covered_boot.CONFIGURATION, str(ROOT / "pyproject.toml"))
        patch.setattr(attach, "_BOOT", Path(covered_boot.__file__))
        yield
