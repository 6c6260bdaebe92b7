"""The dice of the campaign `network`: what strikes whom, where, for how long, how it ends. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import attrs

from scripts.campaigns.weather import ACKS, SILENT, Weather

What = Literal["reset", "delay", "half open", "silence", "partition", "cut"]
End = Literal["flow", "reset", "forget"]

# So many of a hundred. A partition takes some eight seconds, the others one or two.
WEIGHTS: dict[What, int] = {
    "reset": 35,
    "delay": 15,
    "half open": 18,
    "silence": 18,
    "partition": 7,
    "cut": 7,
}
# What lasts as long as the lease, and longer: meant for nodes.
LONG: frozenset[What] = frozenset({"partition", "cut"})
# Moments, and the statements by which they are known.
NODE_MOMENTS = {
    "claim": frozenset({"claim"}),
    "heartbeat": frozenset({"renew"}),
    "listen": frozenset({"LISTEN"}),
    "ack": ACKS,
    "any": frozenset[str](),
}
CLIENT_MOMENTS = {
    "enqueue": frozenset({"client_enqueue"}),
    "commit": frozenset({"COMMIT"}),
    "any": frozenset[str](),
}
MOMENTS = NODE_MOMENTS | CLIENT_MOMENTS

DELAY_SECONDS = (0.01, 0.5)
_AT_A_MOMENT = 0.6  # of resets, losses and silences; the others come at any time
_WHOLE = 0.5  # strike all connections; the others one
# How a silence or a loss may end: what was held back arrives, and what has lost bytes is reset; all
# is reset; or what has lost bytes is forgotten by the path, so that only patience finds out.
_ENDS: dict[End, int] = {"flow": 12, "reset": 6, "forget": 2}


@attrs.frozen
class Strike:
    """One fault.

    Attributes: whom, the number of the party; moment, "" for now; after, when the statement has had
    its effect; whole, all connections of the party; seconds, until it ends; refusing, no connection
    is accepted meanwhile.
    """

    what: What
    whom: int
    moment: str
    after: bool
    whole: bool
    weather: Weather | None  # None: a reset, or it is the kernel that cuts
    seconds: float
    end: End
    refusing: bool


def throw(
    dice: random.Random, whats: Sequence[What], *, nodes: int, apart: Sequence[int], lease: float
) -> Strike:
    """The next fault.

    Args: whats: those that may come. nodes: how many there are; behind them is one client. apart:
    the numbers of those that have a network of the kernel's, for "cut". lease: in seconds.
    """
    possible = [what for what in whats if what != "cut" or apart]
    (what,) = dice.choices(possible, [WEIGHTS[each] for each in possible])
    if what == "cut":
        whom = dice.choice(apart)
    else:
        whom = dice.randrange(nodes if what in LONG else nodes + 1)
    return Strike(
        what=what,
        whom=whom,
        moment=_moment(dice, what, is_client=whom == nodes),
        after=dice.random() < 0.5,
        whole=what in LONG or what == "delay" or dice.random() < _WHOLE,
        weather=_weather(dice, what),
        seconds=_seconds(dice, what, lease),
        end=_end(dice, what),
        refusing=what == "partition" and dice.random() < 0.5,
    )


def _moment(dice: random.Random, what: What, *, is_client: bool) -> str:
    if what in LONG or what == "delay" or dice.random() >= _AT_A_MOMENT:
        return ""
    return dice.choice(list(CLIENT_MOMENTS if is_client else NODE_MOMENTS))


def _weather(dice: random.Random, what: What) -> Weather | None:
    if what in ("reset", "cut"):
        return None
    if what == "delay":
        return Weather(delay=DELAY_SECONDS)
    if what == "half open":
        return dice.choice([Weather(to_server="drop"), Weather(to_client="drop")])
    return SILENT if what == "silence" else dice.choice([SILENT, Weather("drop", "drop")])


def _end(dice: random.Random, what: What) -> End:
    if what in ("reset", "delay", "cut"):
        return "flow"
    (end,) = dice.choices(list(_ENDS), list(_ENDS.values()))
    return end


def _seconds(dice: random.Random, what: What, lease: float) -> float:
    if what == "reset":
        return 0.0
    return dice.uniform(lease + 1.5, lease + 3.0) if what in LONG else dice.uniform(0.2, 3.0)
