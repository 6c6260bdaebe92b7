"""Health: which loops of the node are alive, and whether it is ready for work.

Rules: alive and ready are two questions. Alive asks about this process alone, so that an outage of
the database restarts no node: each watched loop has beaten lately. Ready asks whether all that the
work needs is there. Ages are of trio's clock, so time in which the machine slept does not count
against a loop on most systems, and tests own it.
"""

from __future__ import annotations

import attrs
import trio

from actors import events

# A loop that nobody gave a bound: several times the longest wait of any of ours.
DEFAULT_WITHIN_SECONDS = 60.0

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

    Args: listens: whether LISTEN belongs to readiness (not in poll-only mode).
    """

    def __init__(self, *, listens: bool = True) -> None:
        self._within: dict[str, float] = {}
        self._beaten_at: dict[str, float] = {}
        self._checks = {
            DATABASE: Check(DATABASE, False, "not reached yet"),
            MIGRATED: Check(MIGRATED, False, "not checked yet"),
            NOT_DRAINING: Check(NOT_DRAINING, True),
        }
        if listens:
            self._checks[LISTENING] = Check(LISTENING, False, "not listening yet")

    def watch(self, name: str, within_seconds: float = DEFAULT_WITHIN_SECONDS) -> None:
        """From now on this loop is stuck if it does not beat within so many seconds."""
        self._within[name] = within_seconds
        self.beat(name)

    def beat(self, name: str) -> None:
        """The loop is alive. One that is not watched yet is from now on."""
        self._within.setdefault(name, DEFAULT_WITHIN_SECONDS)
        self._beaten_at[name] = trio.current_time()

    def forget(self, name: str) -> None:
        """The loop has ended, as it should."""
        self._within.pop(name, None)
        self._beaten_at.pop(name, None)

    def set(self, name: str, ok: bool, why: str = "") -> None:
        """A condition of readiness is met, or is not; an unknown one is one from now on."""
        self._checks[name] = Check(name, ok, "" if ok else why)

    def loops(self) -> tuple[Loop, ...]:
        """All watched loops."""
        now = trio.current_time()
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
            case events.LeaseRenewed() | events.NodeJoined() | events.StoreBack():
                self.set(DATABASE, True)
            case events.StoreLost(_, reason):
                self.set(DATABASE, False, reason)
            case events.ListenerBack() if LISTENING in self._checks:
                self.set(LISTENING, True)
            case events.ListenerLost() if LISTENING in self._checks:
                self.set(LISTENING, False, "the LISTEN connection is lost")
            case events.Beat(loop):
                self.beat(loop)
            case events.DrainBegan():
                self.set(NOT_DRAINING, False, "draining")
            case _:
                return
