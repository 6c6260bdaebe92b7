"""The model's nodes and its leader: leases and terms, as the protocol promises them."""

from __future__ import annotations

import attrs

from actors.store.protocol import Term
from tests.store.machine.rows import NodeShown

# A node that ended is shown for a day, in seconds.
SHOWN_SECONDS = 86_400


@attrs.define
class Member:
    """A node. A lease is over at the instant at which it ends."""

    id: int  # what the Store under test called it
    name: str
    expires_at: float
    ended: bool = False  # it left, or rescue found it gone

    def lives(self, now: float) -> bool:
        return not self.ended and self.expires_at > now


@attrs.define
class Members:
    """Nodes in the order in which they joined, and who leads them."""

    by_name: dict[str, Member] = attrs.field(factory=dict)
    term: int = 0
    leader: str | None = None
    term_ends_at: float = float("-inf")

    def live(self, name: str, now: float) -> bool:
        """Whether this node has a lease."""
        member = self.by_name.get(name)
        return member is not None and member.lives(now)

    def join(self, node_id: int, name: str, ends_at: float) -> None:
        """A lease begins."""
        self.by_name[name] = Member(node_id, name, ends_at)

    def renew(self, name: str, now: float, seconds: float) -> bool:
        """Only what has not run out can be prolonged."""
        if not self.live(name, now):
            return False
        self.by_name[name].expires_at = now + seconds
        return True

    def leave(self, name: str, now: float) -> None:
        """The lease is over now, if it was not before."""
        member = self.by_name.get(name)
        if member is not None and not member.ended:
            member.expires_at = min(member.expires_at, now)
            member.ended = True

    def lost(self, now: float) -> list[Member]:
        """Those whose lease is over, found or not."""
        return [member for member in self.by_name.values() if member.expires_at <= now]

    def next_expiry_seconds(self, now: float) -> float | None:
        """From now to the next end of a lease."""
        ends = [m.expires_at for m in self.by_name.values() if m.lives(now)]
        return min(ends) - now if ends else None

    def forget(self, now: float, busy: set[str]) -> None:
        """Those long gone go, unless they hold jobs."""
        for member in list(self.by_name.values()):
            if now - member.expires_at > SHOWN_SECONDS and member.name not in busy:
                del self.by_name[member.name]

    def lasts(self, term: int | None, now: float) -> bool:
        """Whether this is the term that lasts."""
        return term == self.term and self.term_ends_at > now

    def elect(self, name: str, now: float, seconds: float) -> Term:
        """Nobody leads while another's term lasts, and nobody without a lease begins one."""
        lasts = self.term_ends_at > now
        mine = self.leader == name and self.leader is not None
        if not self.live(name, now) or (lasts and not mine):
            return Term(self.term, held=False, expires_seconds=max(0.0, self.term_ends_at - now))
        if not (lasts and mine):
            self.term += 1
        self.leader = name
        self.term_ends_at = now + seconds
        return Term(self.term, held=True, expires_seconds=seconds)

    def resign(self, name: str, now: float) -> None:
        """Make room, if it is this one's to make."""
        if self.leader == name:
            self.leader = None
            self.term_ends_at = now

    def leading(self, now: float) -> str | None:
        """Who holds the term now, of the nodes that are known."""
        lasts = self.term_ends_at > now and self.leader in self.by_name
        return self.leader if lasts else None

    def shown(self, now: float) -> dict[str, NodeShown]:
        """As in a snapshot."""
        return {
            member.name: NodeShown(member.expires_at, member.lives(now))
            for member in self.by_name.values()
        }
