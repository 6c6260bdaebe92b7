"""The work of a campaign: it is not waited for where nobody does it."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from runtime.embedded import Server
from scripts.benches.errors import BenchFailed
from scripts.benches.node import Node
from scripts.benches.progress import Progress
from scripts.campaigns.site import Site
from scripts.campaigns.work import Work


def test_a_campaign_whose_node_cannot_start_says_why_and_does_not_wait_for_its_jobs(
    tmp_path: Path,
) -> None:
    log = tmp_path / "node-1.log"
    log.write_text("NameError: name 'Counter' is not defined")
    process = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(1)"])
    process.wait()
    server = Server.__new__(Server)  # never asked
    site = Site(server, tmp_path, Progress(), random.Random(0))
    site._nodes.append((Node(process, log), ExitStack()))
    work = Work(site, argparse.Namespace(minutes=None, jobs=1), "", False, lambda count: [])

    with pytest.raises(BenchFailed, match=r"with status 1(.|\n)*'Counter'"):
        work.look()
