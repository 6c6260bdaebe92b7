"""The work that a campaign disturbs: traced jobs, enqueued all the while, until all are completed.

Either so many (`--jobs N`), or for so long (`--minutes M`). In both cases enqueueing waits while
MOST_WAITING jobs wait, so that every fault meets enqueues, claims and outcomes. Whenever the answer
to an enqueue is lost, it is noted as unknown and asked for again with the same ids.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from runtime import Client
from runtime.errors import StoreUnavailable
from runtime.job import NewJob
from scripts.campaigns import reading
from scripts.campaigns.app import app
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.history import Answer, Enqueue
from scripts.campaigns.site import NAMESPACE, Site

# What waits at most: more than all cores do between two looks, and little enough that the end does
# not take long.
MOST_WAITING = 4_000
# For the last jobs, when no more are enqueued and no faults are made.
PATIENCE_SECONDS = 300.0
_BULK_JOBS = 200
_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 0.2

Make = Callable[[int], list[NewJob]]


def work_options(parser: argparse.ArgumentParser, *, jobs: int, job_ms: float) -> None:
    """The flags of a campaign that works traced jobs."""
    parser.add_argument("--jobs", type=int, default=jobs, metavar="N", help="unless --minutes")
    parser.add_argument("--job-ms", type=float, default=job_ms, metavar="MS")


def disturb(
    site: Site,
    chosen: argparse.Namespace,
    strike: Callable[[], None],
    *,
    url: str = "",
    pooler: bool = False,
    make: Make | None = None,
) -> None:
    """Have jobs enqueued, and strike again and again; then wait until all are completed.

    Args: strike: makes one fault, and takes its time. url: of the database, as the client is to
    reach it; pooler: whether it leads to a transaction pooler. make: makes so many jobs; by default
    traced ones. Raises: CampaignFailed, if the last ones take too long; BenchFailed, if a node has
    ended by itself.
    """
    work = Work(site, chosen, url or site.server.url, pooler, make or _traced(site, chosen))
    site.progress.phase(f"{chosen.minutes:g} min" if chosen.minutes else f"{chosen.jobs} jobs")
    with work.going_on():
        while not work.is_over:
            strike()
            work.look()
        work.wait_completed()


def _traced(site: Site, chosen: argparse.Namespace) -> Make:
    return lambda count: site.jobs(count, chosen.job_ms / 1000)


def wait_finished(site: Site) -> None:
    """Until all jobs are final, whoever enqueued them. Raises as `disturb`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := reading.unfinished(site.server.url, NAMESPACE):
        if time.monotonic() > deadline:
            raise CampaignFailed(f"{left} jobs were not done after {PATIENCE_SECONDS:g} s")
        site.check_nodes()
        time.sleep(_AGAIN_SECONDS)


@attrs.define
class Work:
    """Jobs of one campaign. Attributes: as of `disturb`."""

    site: Site
    chosen: argparse.Namespace
    url: str
    pooler: bool
    make: Make
    enqueued: int = 0
    completed: int = 0
    _until: float = attrs.field(init=False)
    _look_at: float = 0.0
    _stopped: threading.Event = attrs.field(factory=threading.Event)
    _ended: threading.Event = attrs.field(factory=threading.Event)  # nothing is enqueued any more

    def __attrs_post_init__(self) -> None:
        self._until = time.monotonic() + 60 * self._minutes if self._minutes else float("inf")

    @property
    def _minutes(self) -> float | None:
        minutes: float | None = self.chosen.minutes
        return minutes

    @property
    def _jobs(self) -> int:
        return int(self.chosen.jobs)

    @property
    def is_over(self) -> bool:
        """Whether no more is to be enqueued, and, if it was a number of jobs, all are completed."""
        if self._minutes:
            return time.monotonic() >= self._until
        return self._ended.is_set() and self._waiting <= self.site.besides

    @property
    def _waiting(self) -> int:
        """How many have not been completed yet, and will be."""
        expected = self.enqueued + self.site.besides - len(self.site.undone)
        return expected - self.completed

    def look(self) -> None:
        """See how far the jobs are, from time to time. Raises BenchFailed."""
        if time.monotonic() < self._look_at:
            return
        self.site.check_nodes()
        self.completed = self.site.completed() or self.completed
        self._look_at = time.monotonic() + _LOOK_SECONDS
        self.site.progress.show(f"{self.completed} of {self.enqueued} enqueued")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Enqueue beside what goes on in the block."""
        thread = threading.Thread(target=self._enqueue_all, name="enqueuer")
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def wait_completed(self) -> None:
        """Until all that was enqueued is completed. Raises as `disturb`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._ended.is_set() or self._waiting > 0:
            if time.monotonic() > deadline:
                raise CampaignFailed(
                    f"{self._waiting} jobs were not done {PATIENCE_SECONDS:g} s after the faults"
                )
            time.sleep(_AGAIN_SECONDS)
            self.look()
        if self._more():
            raise CampaignFailed("enqueueing has ended early")

    def _more(self) -> bool:
        if self._minutes:
            return time.monotonic() < self._until
        return self.enqueued < self._jobs

    def _enqueue_all(self) -> None:
        try:
            with Client(app, self.url, namespace=NAMESPACE, pooler=self.pooler) as client:
                while self._more() and not self._stopped.is_set():
                    self._enqueue_some(client)
        finally:
            self._ended.set()

    def _enqueue_some(self, client: Client) -> None:
        if self._waiting >= MOST_WAITING:
            self._stopped.wait(_AGAIN_SECONDS)
            return
        bulk = self._bulk()
        if self._enqueue(client, bulk):
            self.enqueued += len(bulk)

    def _bulk(self) -> list[NewJob]:
        left = _BULK_JOBS if self._minutes else self._jobs - self.enqueued
        return self.make(min(left, _BULK_JOBS))

    def _enqueue(self, client: Client, jobs: list[NewJob]) -> bool:
        """Until it is known to be written. False: we were stopped before it was known."""
        answer: Answer = "unknown"
        while answer == "unknown" and not self._stopped.is_set():
            try:
                client.enqueue_many(jobs)
                answer = "ok"
            except StoreUnavailable:
                self._stopped.wait(_AGAIN_SECONDS)
            now = time.monotonic()
            self.site.asked(Enqueue(job.id, answer, at=now) for job in jobs)
        return answer == "ok"
