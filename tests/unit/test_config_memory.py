"""The memory that may be used; and how many light workflows go on at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.config import Config
from runtime.config.memory import usable_memory_mib


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_limit_of_the_cgroup_counts(tmp_path: Path, name: str) -> None:
    whole = usable_memory_mib(tmp_path)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{64 * 2**20}\n")
    assert usable_memory_mib(tmp_path) == 64
    for no_limit in ("max\n", f"{2**63 - 4096}\n"):
        file.write_text(no_limit)
        assert usable_memory_mib(tmp_path) == whole > 64


@pytest.mark.parametrize(
    ("workers", "flows", "count"),
    [(1, 0, 16), (2, 0, 32), (8, 0, 32), (40, 0, 80), (4, 12, 12), (4, 4, 0), (4, 1, 0)],
)
def test_how_many_workflows_go_on_beside_the_cores(workers: int, flows: int, count: int) -> None:
    assert Config(workers=workers, flows=flows).flow_count == count
