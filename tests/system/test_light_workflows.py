"""Light plain workflows go on several a core, in children made on demand; no other job does."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from actors.flows import LIGHT_RUNS
from tests.support.processes import wait_for
from tests.system import workflow_jobs as jobs
from tests.system.site import Site

APP = "tests.system.workflow_jobs:app"
AT_ONCE = 4


def _pids_at_gate(path: Path) -> set[int]:
    words = path.read_text().split()
    return {int(word.removeprefix("at-gate=")) for word in words if word.startswith("at-gate=")}


def test_they_go_on_beside_each_other_and_a_kill_costs_one_run(site: Site, tmp_path: Path) -> None:
    """One core, and runs of four at the same time. One child is killed: that run is repeated."""
    path, gate, opened = tmp_path / "effects", tmp_path / "gate", tmp_path / "opened"
    path.touch()
    opened.touch()
    site.serve(APP, workers=1, flows=AT_ONCE)
    spare = tmp_path / "spare"
    ids = site.add(
        *(jobs.gated.new_job(path=str(spare), gate=str(opened)) for _ in range(LIGHT_RUNS))
    )
    site.wait_final(ids)

    ids = site.add(*(jobs.gated.new_job(path=str(path), gate=str(gate)) for _ in range(AT_ONCE)))
    wait_for(lambda: len(_pids_at_gate(path)) == AT_ONCE, path.read_text, 30)
    plain = site.add(jobs.quick.new_job())
    site.wait_final(plain)  # the core is not theirs
    os.kill(next(iter(_pids_at_gate(path))), signal.SIGKILL)
    wait_for(lambda: path.read_text().count("at-gate") == AT_ONCE + 1, path.read_text, 30)
    gate.touch()
    rows = site.wait_final(ids)
    assert {row.state for row in rows} == {"completed"}
    assert sorted(row.run_number for row in rows) == [1] * (AT_ONCE - 1) + [2]
    done = Counter(word.partition("=")[0] for word in path.read_text().split())
    assert done == {"before": AT_ONCE, "at-gate": AT_ONCE + 1, "after": AT_ONCE}
