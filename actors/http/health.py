"""Health: which loops of the node are alive, and whether it is ready for work.

Rules: alive and ready are two questions. Alive asks about this process alone: each watched loop has
beaten lately. While the database is away loops may rightly wait for it, so none counts as stuck
then, and an outage restarts no node. Ready asks whether all that the work needs is there. Ages are
of trio's clock, which most systems stop while they sleep, and which tests own.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import trio

from actors import events
from runtime.config import Config

# A loop that nobody gave a bound: four times the longest wait of ours, the pruner's 30 s.
DEFAULT_WITHIN_SECONDS = 120.0
# A loop whose wait is configured is stuck after so many of them.
WAITS = 4
# It looks seldom, and an index may take it an hour.
REINDEXER_SECONDS = 2 * 3600.0
# These run only during a term; a beat that comes late, when it is over, is not the first of many.
LEADERS_LOOPS = frozenset(
    {"stager", "rescuer", "expirer", "scheduler", "pruner", "reindexer", "sweeper", "surveyor"}
)

DATABASE, MIGRATED, LISTENING, NOT_DRAINING = "database", "migrated", "listening", "not_draining"


@attrs.frozen
class Loop:
    """A loop, and how long ago it last beat."""

    name: str
    age_seconds: float
    within_seconds: float

    @property
    def stuck(self) -> bool:
        """Whether it should have beaten since."""
        return self.age_seconds > self.within_seconds


@attrs.frozen
class Check:
    """A condition of readiness; `why` tells what is missing."""

    name: str
    ok: bool
    why: str = ""


class Health:
    """One node's health. Actors beat and set; Http asks; `observe` learns the rest from events.

    Args: listens: whether LISTEN belongs to readiness (not in poll-only mode). within: by loop,
    seconds within which it has to beat, if more than the default.
    """

    def __init__(self, *, listens: bool = True, within: Mapping[str, float] | None = None) -> None:
        self._bounds = within or {}
        self._within: dict[str, float] = {}
        self._beaten_at: dict[str, float] = {}
        self._leading = False
        self._checks = {
            DATABASE: Check(DATABASE, False, "not reached yet"),
            MIGRATED: Check(MIGRATED, False, "the node has not joined yet"),
            NOT_DRAINING: Check(NOT_DRAINING, True),
        }
        if listens:
            self._checks[LISTENING] = Check(LISTENING, False, "not listening yet")

    @classmethod
    def of(cls, config: Config) -> Health:
        """The health of a node of this configuration."""
        within = {
            "distributor": WAITS * config.poll_seconds,
            "heartbeat": WAITS * config.heartbeat_seconds,
            "reindexer": REINDEXER_SECONDS,
        }
        return cls(listens=config.listens, within=within)

    def watch(self, name: str, within_seconds: float) -> None:
        """From now on this loop is stuck if it does not beat within so many seconds."""
        self._within[name] = within_seconds
        self._beaten_at[name] = trio.current_time()

    def beat(self, name: str) -> None:
        """The loop is alive. One that is not watched yet is from now on."""
        if name not in self._within:
            bound = self._bounds.get(name, 0.0)
            self._within[name] = max(bound, DEFAULT_WITHIN_SECONDS)
        self._beaten_at[name] = trio.current_time()

    def forget(self, name: str) -> None:
        """The loop has ended, as it should."""
        self._within.pop(name, None)
        self._beaten_at.pop(name, None)

    def set(self, name: str, ok: bool, why: str = "") -> None:
        """A condition of readiness is met, or is not; an unknown one is one from now on."""
        self._checks[name] = Check(name, ok, "" if ok else why)

    def loops(self) -> tuple[Loop, ...]:
        """All watched loops; as if they had just beaten, while they may wait for the database."""
        now = trio.current_time()
        if not self._checks[DATABASE].ok:
            return tuple(Loop(name, 0.0, within) for name, within in self._within.items())
        return tuple(
            Loop(name, now - self._beaten_at[name], within) for name, within in self._within.items()
        )

    def checks(self) -> tuple[Check, ...]:
        """All conditions of readiness."""
        return tuple(self._checks.values())

    @property
    def alive(self) -> bool:
        """Whether no loop is stuck."""
        return not any(loop.stuck for loop in self.loops())

    @property
    def ready(self) -> bool:
        """Whether all conditions are met."""
        return all(check.ok for check in self._checks.values())

    def observe(self, event: events.Event) -> None:
        """Learn from an event: any success of the database shows that it is there."""
        match event:
            case events.Beat(loop) if self._leading or loop not in LEADERS_LOOPS:
                self.beat(loop)
            case events.NodeJoined():
                self._reach()
                self.set(MIGRATED, True)  # its tables took us in
            case events.LeaseRenewed() | events.StoreBack():
                self._reach()
            case events.StoreLost(_, reason):
                self.set(DATABASE, False, reason)
            case events.TermBegan():
                self._leading = True
            case events.TermEnded():
                self._leading = False
                for name in LEADERS_LOOPS:
                    self.forget(name)
            case events.ListenerBack() if LISTENING in self._checks:
                self.set(LISTENING, True)
            case events.ListenerLost() if LISTENING in self._checks:
                self.set(LISTENING, False, "the LISTEN connection is lost")
            case events.DrainBegan():
                self.set(NOT_DRAINING, False, "draining")
            case _:
                return

    def _reach(self) -> None:
        """The database answered. What waited for it has had no chance to beat since."""
        if not self._checks[DATABASE].ok:
            self._beaten_at = dict.fromkeys(self._beaten_at, trio.current_time())
            self.set(DATABASE, True)
