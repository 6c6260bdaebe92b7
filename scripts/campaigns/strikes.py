"""Strikes at the parties of the campaign `network`, one after the other, and what came of them.

throw ─▶ begin (now, or at its moment) ─▶ last ─▶ heal ─▶ wait until the party is served again
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs

from scripts.benches.node import Node
from scripts.campaigns.apart import Apart
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.figures import shares
from scripts.campaigns.history import Fault
from scripts.campaigns.proxy import Link, Network, Route, strike
from scripts.campaigns.site import LEASE_SECONDS, Site
from scripts.campaigns.storm import LONG, MOMENTS, Strike, What, throw
from scripts.campaigns.weather import Ambush

# How long a party may take to be served again.
BACK_SECONDS = 15.0
FORGOTTEN_SECONDS = 35.0  # a statement may take 30 s
# A node under load claims and acks all the time, and renews each second.
_MOMENT_SECONDS = 5.0
_LOOK_SECONDS = 0.005
_PAUSE_SECONDS = (0.1, 0.5)  # between two strikes


@attrs.define
class Party:
    """Who is to be struck. `node`: None for the producer. `apart`: its network of the kernel's."""

    route: Route
    node: Node | None = None
    apart: Apart | None = None


@attrs.define
class Strikes:
    """See the module's docstring. Attributes: parties, the nodes and, last, the producer."""

    site: Site
    network: Network
    parties: Sequence[Party]
    whats: Sequence[What]
    _back: dict[str, list[float]] = attrs.field(factory=lambda: defaultdict(list))
    _moments: Counter[str] = attrs.field(factory=Counter)

    def strike(self) -> None:
        """One, from its begin until the party is served again."""
        fault = throw(
            self.site.dice,
            self.whats,
            nodes=len(self.parties) - 1,
            apart=[place for place, party in enumerate(self.parties) if party.apart],
            lease=LEASE_SECONDS,
        )
        party = self.parties[fault.whom]
        before = self._children(party)
        if self._begin(fault, party):
            began = time.monotonic()
            self._last(fault, before)
            after = self._children(party)
            self._end(fault, party)
            lapses = bool(before) and fault.what != "reset"
            self.site.suffered(Fault(fault.what, began, before | after, lapses=lapses))
            self._wait_back(fault, party)
        time.sleep(self.site.dice.uniform(*_PAUSE_SECONDS))

    def figures(self) -> dict[str, float]:
        """Strikes by moment, and how long parties took to be back."""
        found: dict[str, float] = {f"at_{name}": n for name, n in sorted(self._moments.items())}
        found["network_namespace"] = int(any(party.apart for party in self.parties))
        found |= shares("back", [each for seconds in self._back.values() for each in seconds])
        for name, seconds in sorted(self._back.items()):
            found |= shares(f"back_{name.replace(' ', '_')}", seconds)
        return found

    def _children(self, party: Party) -> frozenset[int]:
        if party.node is None:
            return frozenset()
        party.node.check()
        return frozenset(self.site.children(party.node))

    # --- a fault ----------------------------------------------------------------------------------

    def _begin(self, fault: Strike, party: Party) -> bool:
        """False, if there was nothing to strike, or its moment did not come."""
        if fault.what == "cut":
            _apart(party).cut()
            return True
        if fault.moment:
            return self._ambush(fault, party.route)
        links = party.route.links if fault.whole else self._one(party.route)
        if not links:
            return False
        self.network.do(partial(strike, fault.weather, party.route, links))
        if fault.refusing:
            self.network.do(party.route.refuse)
        return True

    def _ambush(self, fault: Strike, route: Route) -> bool:
        ambush = Ambush(MOMENTS[fault.moment], fault.after, fault.weather, fault.whole)
        self.network.do(partial(route.lay, ambush))
        if fault.moment == "listen":  # a node listens once, unless it has to do so again
            self.network.do(partial(_reset_listening, route))
        deadline = time.monotonic() + _MOMENT_SECONDS
        while not ambush.sprung and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        if ambush.sprung:
            self._moments[fault.moment] += 1
        else:
            self.network.heal(route)
        return ambush.sprung

    def _one(self, route: Route) -> set[Link]:
        links = list(route.links)
        return {self.site.dice.choice(links)} if links else set()

    def _last(self, fault: Strike, children: frozenset[int]) -> None:
        began = time.monotonic()
        if fault.what in LONG:
            time.sleep(LEASE_SECONDS)
            for pid in filter(_runs, children):
                text = f"process {pid} lives {LEASE_SECONDS} s after its node was cut off"
                self.site.violated("handlers", f"{text} ({fault.what})")
        time.sleep(max(0.0, began + fault.seconds - time.monotonic()))

    def _end(self, fault: Strike, party: Party) -> None:
        if fault.what == "cut":
            _apart(party).join()
        else:
            forget, reset = fault.end == "forget", fault.end == "reset"
            self.network.heal(party.route, reset=reset, forget=forget)

    def _wait_back(self, fault: Strike, party: Party) -> None:
        forgotten, is_client = fault.end == "forget", party.node is None
        bound = FORGOTTEN_SECONDS if forgotten else BACK_SECONDS
        seconds = self.network.wait_back(party.route, is_client=is_client, seconds=bound)
        if seconds is None:
            who = "the producer" if is_client else f"node {fault.whom + 1}"
            self.site.violated("recovery", f"{who} was not back {bound:g} s after {fault}")
        self._back["forgotten" if forgotten else fault.what].append(seconds or bound)


def _apart(party: Party) -> Apart:
    if party.apart is None:
        raise CampaignFailed("a node without a network of its own cannot be cut off by the kernel")
    return party.apart


def _reset_listening(route: Route) -> None:
    route.reset({link for link in route.links if "LISTEN" in link.talk.names})


def _runs(pid: int) -> bool:
    """Whether this process is neither gone nor dead."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in ("Z", "X")
