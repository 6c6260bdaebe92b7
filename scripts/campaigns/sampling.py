"""What a node and its tables use, at one moment: {name: {measure: value}}. Linux."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from scripts.benches.node import Node
from scripts.campaigns import reading
from scripts.campaigns.level import Tolerance
from scripts.campaigns.site import NAMESPACE, Site

Sample = dict[str, dict[str, float]]

# How much higher each measure may be in the last third of a soak than in the second. A third of 30
# minutes at 100 jobs/s is 60,000 jobs: a leak of 35 bytes a job is 2 MiB, and found in a node of
# 50. Interpreters and malloc keep some pages in hand.
TOLERANCES = {
    "rss_mib": Tolerance(share=0.02, slack=1.0),
    "fds": Tolerance(share=0.0, slack=3.0),
    "threads": Tolerance(share=0.0, slack=1.0),
    # It rises until autovacuum comes, once a minute, if more than 1,000 rows are dead.
    "dead_rows": Tolerance(share=0.25, slack=2_000.0),
    "mib": Tolerance(share=0.1, slack=0.5),
    "jobs": Tolerance(share=0.5, slack=200.0),
}

_MIB = 2**20
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def sample(site: Site, node: Node) -> Sample:
    """All of it, now."""
    servers = site.fork_servers(node)
    return {
        "node": _used([node.pid]),
        "forkserver": _used(servers),
        "children": _used(site.children(node)),
        "unfinished": {"jobs": reading.unfinished(site.server.url, NAMESPACE)},
        **_relations(site.server.url),
    }


def _relations(url: str) -> Sample:
    found: Sample = {}
    for each in reading.relations(url, NAMESPACE):
        name = f"{'index' if each.is_index else 'table'}_{each.name}"
        found[name] = {"mib": each.bytes / _MIB}
        if not each.is_index:
            found[name]["dead_rows"] = each.dead_rows
    return found


def _used(pids: Iterable[int]) -> dict[str, float]:
    """By all of these processes together; those that have ended use nothing."""
    total = {"rss_mib": 0.0, "fds": 0.0, "threads": 0.0}
    for pid in pids:
        home = Path("/proc", str(pid))
        try:
            pages = int((home / "statm").read_text().split()[1])
            fds, threads = len(os.listdir(home / "fd")), len(os.listdir(home / "task"))
        except (FileNotFoundError, ProcessLookupError):
            continue
        total["rss_mib"] += pages * _PAGE_BYTES / _MIB
        total["fds"] += fds
        total["threads"] += threads
    return total
