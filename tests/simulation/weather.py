"""What one seed has in store: how many nodes, which faults, how often. Drawn once, then fixed.

Each seed has only some of the faults (swarm testing): one that has all of them always has, for
instance, never a node that lives long enough for what takes long.
"""

from __future__ import annotations

import random

import attrs

FAULTS = (
    "kill node",
    "drain node",
    "force node",
    "stop node",
    "kill child",
    "kill fork server",
    "lose database",
    "slow database",
    "cut off node",
    "deafen node",
)
KINDS = ("plain", "tiny", "long", "async", "flow", "plain flow")
MANNERS = ("refuse", "lose answer", "withhold", "linger")


@attrs.frozen(kw_only=True)
class Weather:
    """See the module's docstring. Chances are of one call, times in seconds.

    Attributes: seconds, for which faults are made; pause_seconds, between two, on the average;
    lag_seconds, of the way to the database, on the average; chances, by manner of a call's failing;
    patience_seconds, from the last fault to the end of the last job at most: a Distributor looks
    each minute for what it does not know of, and then the job has to run, maybe more than once.
    """

    nodes: int
    hosts: int
    workers: int
    jobs: int
    kinds: tuple[str, ...]
    seconds: float
    pause_seconds: float
    lag_seconds: float
    lease_seconds: float
    poll_only: bool
    start_seconds: float
    faults: tuple[str, ...]
    chances: dict[str, float]
    cancels: bool
    pauses: bool
    patience_seconds: float = 240.0


def draw(dice: random.Random) -> Weather:
    """The weather of a seed."""
    nodes = dice.choice([2, 2, 3])
    strong = dice.choice([0.0, 0.005, 0.03])
    return Weather(
        nodes=nodes,
        hosts=dice.randint(1, nodes),
        workers=dice.choice([1, 1, 2]),
        jobs=dice.choice([10, 20, 40]),
        kinds=tuple(kind for kind in KINDS if dice.random() < 0.7) or KINDS,
        seconds=dice.choice([4.0, 8.0, 15.0]),
        pause_seconds=dice.choice([0.3, 1.0, 3.0]),
        lag_seconds=dice.choice([0.001, 0.003, 0.03]),
        lease_seconds=dice.choice([4.0, 6.0]),
        poll_only=dice.random() < 0.1,
        start_seconds=dice.choice([0.15, 1.0]),
        faults=tuple(fault for fault in FAULTS if dice.random() < 0.5),
        chances={each: strong * dice.random() for each in MANNERS},
        cancels=dice.random() < 0.5,
        pauses=dice.random() < 0.3,
    )
