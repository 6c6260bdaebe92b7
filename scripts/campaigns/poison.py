"""`poison`: handlers that exit, crash, hang, hog, lie and leave things behind, amid others.

A node with three children works traced jobs. All the while the dice add poisons: handlers that
exit, segfault, loop in C, take all memory, kill or stop their parent, fork and leave, block
signals, write garbage to their node and more, each at least once. Each must end as the table in
`scripts.campaigns.endings` says, with its failure on record; the traced jobs complete; node and
Workers live on; and no process is left behind. Reported: how often each poison came to its own end,
and the time from the begin of one that dies at once until its death was on record.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import UUID

import attrs

from runtime import Client
from scripts.benches.processes import name_of
from scripts.campaigns import obituaries, reading
from scripts.campaigns.endings import ENDINGS, SERVER_KILLERS, Ended, known, shown, wrongs
from scripts.campaigns.figures import shares
from scripts.campaigns.history import Enqueue
from scripts.campaigns.poisoning import POISONED
from scripts.campaigns.poisons import app
from scripts.campaigns.poisons_outside import ORPHAN_NAME, ORPHANS
from scripts.campaigns.site import NAMESPACE, Site
from scripts.campaigns.work import disturb, wait_finished, work_options

APP = "scripts.campaigns.poisons:app"
_OPTIONS = ("--workers", "3", "--kill-grace-seconds", "1", "--memory-limit-mib", "1024")
# Between two poisons. On two cores most of the time is left for the others.
_PAUSE_SECONDS = (0.2, 0.7)
_QUICK_PAUSE_SECONDS = (0.02, 0.05)
# Until what was killed is gone.
_GONE_SECONDS = 10.0
_LOOK_SECONDS = 0.1
# A poison that was hit by others before it came to its own end is tried so often again.
_ROUNDS = 5
_CRASH = re.compile(r"^.* (?:crashed \(restarts|gives up and stops).*$", re.MULTILINE)


def options(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    work_options(parser, jobs=30_000, job_ms=2.0)
    parser.add_argument(
        "--quick", action="store_true", help="each once, without those that take seconds"
    )


def run(site: Site, chosen: argparse.Namespace) -> None:
    """Work and poison until all is done; then judge. Raises CampaignFailed."""
    # A core dump for each crash would fill the disk in earnest.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for name in (POISONED, ORPHANS):
        (site.folder / name).touch()
    node = site.start_node(*_OPTIONS, app=APP)
    with Client(app, site.server.url, namespace=NAMESPACE) as client:
        cellar = Cellar(site, client, quick=chosen.quick)
        disturb(site, chosen, cellar.strike)
        ended = cellar.finish()
    node.check()
    site.end_nodes()
    _judge(site, ended.values())
    _see_deaths(site, ended)
    _see_leftovers(site)


@attrs.define
class Cellar:
    """The poisons of a campaign, given out in a random order; each once before any comes again.

    Args: quick: each once, without those that take seconds.
    """

    site: Site
    client: Client
    quick: bool
    _order: list[str] = attrs.field(factory=list)
    _given: Counter[str] = attrs.field(factory=Counter)

    @property
    def names(self) -> list[str]:
        """All that are to be given."""
        return [name for name in ENDINGS if not (self.quick and ENDINGS[name].slow)]

    def strike(self) -> None:
        """Enqueue the next one, if there is one, and wait a little."""
        if not self._order and not (self.quick and self._given):
            self._order = self.names
            self.site.dice.shuffle(self._order)
        if self._order:
            self._give([self._order.pop()])
        pause = _QUICK_PAUSE_SECONDS if self.quick else _PAUSE_SECONDS
        time.sleep(self.site.dice.uniform(*pause))

    def _give(self, names: Iterable[str]) -> None:
        folder = str(self.site.folder)
        for name in names:
            job = app.handler(name).new_job(folder)
            self.client.enqueue_many([job])
            self.site.asked([Enqueue(job.id, "ok", ENDINGS[name].state)])
            self._given[name] += 1

    def finish(self) -> dict[UUID, Ended]:
        """Have each come to its own end at least once; how all of them ended, by job."""
        missing = {name for name in self.names if not self._given[name]}
        for _ in range(_ROUNDS):
            # Those that take others with them wait, or they would hit the same again.
            self._give(sorted(missing - SERVER_KILLERS or missing))
            self.site.progress.phase(f"the last of {self._given.total()} poisons")
            wait_finished(self.site)
            ended = obituaries.read(self.site.server.url, NAMESPACE)
            missing = set(self.names) - {each.kind for each in ended.values() if shown(each)}
            if not missing:
                break
        for name in sorted(missing):
            self.site.violated("poison", f"{name} never came to its own end")
        return ended


def _judge(site: Site, ended: Iterable[Ended]) -> None:
    counts = Counter(each.kind for each in ended if shown(each))
    site.found["faults"] = counts.total()
    site.found |= {f"faults_{name}": counts[name] for name in sorted(counts)}
    for each in ended:
        for text in wrongs(each):
            site.violated("poison", text)
    for log in site.logs():
        for line in _CRASH.findall(log):
            site.violated("crash", line)


def _see_deaths(site: Site, ended: Mapping[UUID, Ended]) -> None:
    """How long after the begin of a poison that dies at once its death was on record."""
    begun = {(run.job, run.number): run.begun for run in reading.runs(site.folder / POISONED)}
    site.found |= shares("death_known", list(known(begun, ended)))


def _see_leftovers(site: Site) -> None:
    """End the orphans that poisons left by intention; nothing else may be there."""
    orphans = [int(pid) for pid in (site.folder / ORPHANS).read_text().split()]
    for pid in orphans:
        if name_of(pid) == ORPHAN_NAME:
            _kill(pid)
    site.found["orphans"] = len(orphans)
    deadline = time.monotonic() + _GONE_SECONDS
    while (left := _processes_of(site.server.url)) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    for pid in left:
        site.violated("left", f"process {pid}, {name_of(pid)!r}, has outlived its node")
        _kill(pid)


def _processes_of(url: str) -> list[int]:
    """Processes that began with the campaign's database in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if url.encode() in environment:
            found.append(int(path.parent.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it was gone already
