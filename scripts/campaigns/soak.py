"""`soak`: steady load for long (30 minutes), and whether what it costs levels off.

One node works R jobs a second, far fewer than it could. What has completed is pruned after K
seconds. Every S seconds is sampled: resident memory, open file descriptors and threads of the node,
of its fork server and of its children; how many jobs wait or run; the dead rows of each table, and
the size of each table and index. After JUDGED_MINUTES or more each of these must have levelled off
(see `level.py`; tolerances in `sampling.py`). A shorter run only samples: its `judged` is 0.

Reported is the height of each in the last third of the time, and as `..._before` in the second.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict

import attrs

from runtime import Client
from scripts.benches.node import Node
from scripts.campaigns.app import app
from scripts.campaigns.history import PRUNED, Enqueue
from scripts.campaigns.level import LEAST_SAMPLES, Heights, heights
from scripts.campaigns.sampling import TOLERANCES, sample
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.work import wait_finished

# From so long on the second third lies behind the first minutes, in which caches fill, and
# autovacuum, which looks once a minute, and the pruner, each 30 s, have come for the first time.
JUDGED_MINUTES = 5.0
_TICK_SECONDS = 0.1


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.set_defaults(minutes=30.0)
    parser.add_argument("--per-second", type=float, default=100.0, metavar="R", help="jobs")
    parser.add_argument("--job-ms", type=float, default=1.0, metavar="MS")
    parser.add_argument("--keep-seconds", type=float, default=30.0, metavar="K")
    parser.add_argument("--sample-seconds", type=float, default=5.0, metavar="S")


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and sample; then judge."""
    node = site.start_node("--keep-completed-seconds", f"{chosen.keep_seconds:g}")
    node.wait_serving()
    soak = Soak(site, chosen, node)
    site.progress.phase(f"{chosen.minutes:g} min")
    with Client(app, site.server.url, namespace=NAMESPACE) as client:
        soak.go_on(client)
    wait_finished(site)
    soak.report()


@attrs.define
class Soak:
    """Load, and what was sampled meanwhile: by name and measure, a series."""

    site: Site
    chosen: argparse.Namespace
    node: Node
    _sent: int = 0
    _series: dict[str, dict[str, list[float]]] = attrs.field(
        factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def go_on(self, client: Client) -> None:
        """Enqueue and sample until the time is over."""
        began = time.monotonic()
        sample_at = began
        while (now := time.monotonic()) < began + 60 * self.chosen.minutes:
            self._enqueue(client, int((now - began) * self.chosen.per_second) - self._sent)
            if now >= sample_at:
                self._sample()
                sample_at += self.chosen.sample_seconds
            time.sleep(_TICK_SECONDS)

    def _enqueue(self, client: Client, count: int) -> None:
        if count <= 0:
            return
        jobs = self.site.jobs(count, self.chosen.job_ms / 1000)
        client.enqueue_many(jobs)
        self.site.asked(Enqueue(job.id, "ok", PRUNED) for job in jobs)
        self._sent += count

    def _sample(self) -> None:
        self.node.check()
        taken = sample(self.site, self.node)
        for name, measures in taken.items():
            for measure, value in measures.items():
                self._series[name][measure].append(value)
        rss, waiting = taken["node"]["rss_mib"], taken["unfinished"]["jobs"]
        self.site.progress.show(f"{self._sent} jobs, {waiting:g} unfinished, node {rss:.1f} MiB")

    def report(self) -> None:
        """The heights of all; and what has not levelled off, after a time that tells."""
        found = {
            (name, measure): heights(series)
            for name, measures in self._series.items()
            for measure, series in measures.items()
            if len(series) >= 3
        }
        samples = len(self._series["node"]["rss_mib"])
        judged = samples >= LEAST_SAMPLES and self.chosen.minutes >= JUDGED_MINUTES
        self.site.found |= {"samples": samples, "judged": len(found) if judged else 0}
        self._show(found)
        for (name, measure), height in found.items() if judged else ():
            if not height.is_level(TOLERANCES[measure]):
                text = f"{measure} of {name} grows: {height.second:.2f}, then {height.last:.2f}"
                self.site.violated("growth", text)

    def _show(self, found: dict[tuple[str, str], Heights]) -> None:
        """Tables and indexes one by one only where they are large."""
        for (name, measure), height in found.items():
            if measure not in ("mib", "dead_rows") or height.last >= 1:
                self.site.found[f"{name}_{measure}"] = height.last
                self.site.found[f"{name}_{measure}_before"] = height.second
