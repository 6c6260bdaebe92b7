"""Data directories for the tests of the embedded server: each must end up without a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.programs import wait_for_no_process_of


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that's made by who attaches first."""
    folder = tmp_path / "data"
    yield folder
    wait_for_no_process_of(folder)
