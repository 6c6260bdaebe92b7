"""Faults of the database: made, outlived, and timed until work goes on.

    look ─▶ strike ─▶ our session is severed ─▶ another is let in ─▶ the next job is completed
             `at`                                 `until`

Rules: what our session saw completed just before the strike must be so for ever. Which enqueues a
crash has undone is asked when the database is back, so that nobody waits for their jobs; whether
they may be undone is for the checker to say.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from runtime import sql
from runtime.embedded import Server
from scripts.benches.database import connect
from scripts.benches.processes import children
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.figures import shares
from scripts.campaigns.history import Fault, Seen
from scripts.campaigns.reading import AWAY
from scripts.campaigns.site import LEASE_SECONDS, NAMESPACE, Site

# How long a commit that does not wait for the disk may take to get there: PostgreSQL's manual says
# three times wal_writer_delay, which is 200 ms; and something for a process that waits for a core.
UNDONE_SECONDS = 1.0
# When sessions survive, nodes keep their leases for so long: they renew every second, and give up a
# second before the lease ends. Where they are severed, trying again takes its time, too.
_LAPSE_SECONDS = LEASE_SECONDS - 2.0
_BACK_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 0.01


def processes(server: Server) -> list[int]:
    """All of PostgreSQL's, the first one first. Its guardian is none of them."""
    first = server.postmaster_pid
    return [] if first is None else [first, *children(first)]


@attrs.define
class Outages:
    """Those of one campaign. `bound_seconds`: after the database's return, work goes on so soon."""

    site: Site
    bound_seconds: float
    _back_at: datetime | None = None  # by the database's clock
    _resumed: list[tuple[str, float]] = attrs.field(factory=list)
    _away: list[float] = attrs.field(factory=list)

    def commit_asynchronously(self) -> None:
        """Let commits of sessions that begin from now on not wait for the disk."""
        self._ask("chaos_asynchronous")
        self.site.asynchronous_seconds = UNDONE_SECONDS

    def sessions(self) -> list[int]:
        """Server processes of the nodes' and the clients' sessions."""
        return [row["pid"] for row in self._ask("chaos_sessions")]

    def suffer(
        self,
        kind: str,
        strike: Callable[[], None],
        *,
        severs: bool = True,
        undoes: bool = False,
        ends: frozenset[int] = frozenset(),
    ) -> None:
        """Strike, and wait until the database lets us in again.

        Args: severs: whether it ends all sessions. undoes: whether commits are undone that had not
        waited for the disk. ends: processes of nodes that it ends. Raises: CampaignFailed.
        """
        families = frozenset(pid for node in self.site.nodes for pid in self.site.family(node))
        self._back_at = None
        with asyncio.Runner() as runner:
            try:
                at, seen = self._strike(runner, strike, severs)
            except ProcessLookupError:
                return  # whoever was to be struck had just gone
            session = runner.run(_let_in(self.site.server.url))
            until = time.monotonic()
            self._back_at = runner.run(session.fetchval(sql.load("chaos_now")))
            session.terminate()
        lapses = not ends and (severs or until - at > _LAPSE_SECONDS)
        pids = families if lapses else ends
        self.site.suffered(Fault(kind, at, pids, until, lapses, undoes), seen)
        self._away.append(until - at)
        if undoes:
            self._find_undone(at)

    def resume(self, kind: str) -> None:
        """Wait until the next job is completed, if there is any. Raises CampaignFailed."""
        if self._back_at is None:
            return
        seconds = asyncio.run(_resumed_after(self.site.server.url, self._back_at))
        if seconds is None:
            return
        self._resumed.append((kind, seconds))
        if seconds > self.bound_seconds:
            text = f"{kind}: no job was completed for {seconds:.1f} s after the database's return"
            self.site.violated("recovery", text)

    def tell(self) -> None:
        """The figures: how long it was away, and how long after that work went on."""
        by_kind: dict[str, list[float]] = defaultdict(list)
        for kind, seconds in self._resumed:
            by_kind[kind].append(seconds)
        found = shares("away", self._away)
        found |= shares("resumed", [seconds for _, seconds in self._resumed])
        for kind, durations in sorted(by_kind.items()):
            found |= shares(f"resumed_{kind}", durations)
        self.site.found |= found

    def _strike(
        self, runner: asyncio.Runner, strike: Callable[[], None], severs: bool
    ) -> tuple[float, list[Seen]]:
        """When it was, and what was completed just before."""
        session = runner.run(_let_in(self.site.server.url))
        try:
            rows = runner.run(session.fetch(sql.load("chaos_seen")))
            at = time.monotonic()
            strike()
            if severs:
                runner.run(_severed(session))
        finally:
            session.terminate()
        return at, [Seen(row["id"], row["run_number"]) for row in rows]

    def _find_undone(self, at: float) -> None:
        """Jobs whose enqueue was answered just before, and which are not there."""
        recent = self.site.answered_since(at - UNDONE_SECONDS)
        self.site.undone.update(row["id"] for row in self._ask("chaos_missing", recent))

    def _ask(self, statement: str, *values: object) -> list[Any]:
        return asyncio.run(_asked(self.site.server.url, statement, *values))


async def _asked(url: str, statement: str, *values: object) -> list[Any]:
    session = await _let_in(url)
    try:
        rows: list[Any] = await session.fetch(sql.load(statement), *values)
        return rows
    finally:
        session.terminate()


async def _resumed_after(url: str, back_at: datetime) -> float | None:
    """Seconds from the database's return to the next completed job; None if nothing is to do."""
    deadline = time.monotonic() + _BACK_SECONDS
    session = await _let_in(url)
    try:
        while time.monotonic() < deadline:
            row = await session.fetchrow(sql.load("chaos_resumed"), back_at)
            if row["seconds"] is not None or not row["waiting"]:
                seconds: float | None = row["seconds"]
                return seconds
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        session.terminate()
    raise CampaignFailed(f"no job was completed for {_BACK_SECONDS:g} s")


async def _let_in(url: str) -> Any:
    """A session, as soon as there can be one. Raises CampaignFailed."""
    deadline = time.monotonic() + _BACK_SECONDS
    while time.monotonic() < deadline:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await connect(url, NAMESPACE)
        except AWAY:
            await asyncio.sleep(_LOOK_SECONDS)
    raise CampaignFailed(f"the database did not come back within {_BACK_SECONDS:g} s")


async def _severed(session: Any) -> None:
    """When the server has ended this session. Raises CampaignFailed."""
    deadline = time.monotonic() + _BACK_SECONDS
    while not session.is_closed():
        if time.monotonic() > deadline:
            raise CampaignFailed(f"the database went on for {_BACK_SECONDS:g} s")
        await asyncio.sleep(_LOOK_SECONDS)
