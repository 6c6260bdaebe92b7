"""Usable cores: affinity, and the cgroup's quota where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.config import usable_cores

ALLOWED = len(os.sched_getaffinity(0))


def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == ALLOWED
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cores(tmp_path) == ALLOWED


@pytest.mark.parametrize(("quota", "cores"), [("50000", 1), ("100000", 1), ("99000000", ALLOWED)])
def test_a_quota_bounds_it_rounded_up(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    assert usable_cores(tmp_path) == cores


def test_the_first_cgroups_have_the_quota_in_two_files(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == ALLOWED
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    assert usable_cores(tmp_path) == 1
