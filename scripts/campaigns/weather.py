"""What a network does to bytes, as data; and when a party is seen to be served again. Pure."""

from __future__ import annotations

from typing import Literal

import attrs

from scripts.campaigns.talk import Answer

# Bytes go on; wait until the weather changes, and then go on; or are taken and lost.
Mode = Literal["flow", "hold", "drop"]

ACKS = frozenset({"ack", "ack_completed"})
LEASES = frozenset({"join", "renew"})
ENQUEUES = frozenset({"client_enqueue", "COMMIT"})


@attrs.frozen
class Weather:
    """How bytes fare to the server and to the client; the delay of each piece, in seconds."""

    to_server: Mode = "flow"
    to_client: Mode = "flow"
    delay: tuple[float, float] = (0.0, 0.0)


FAIR = Weather()
SILENT = Weather("hold", "hold")
GONE = Weather("drop", "drop")


@attrs.define
class Ambush:
    """Waits for one of these statements (none: any), and strikes once, where it passes.

    Attributes: after, not before its answer is on the way, so that it has had its effect; weather,
    what then comes, None: a reset; whole, to all connections of the route; sprung, it has struck.
    """

    statements: frozenset[str]
    after: bool
    weather: Weather | None
    whole: bool
    sprung: bool = False

    def is_for(self, statement: str) -> bool:
        """Whether it waits for this one."""
        return not self.statements or statement in self.statements


@attrs.define
class Comeback:
    """Listens until a party is served again.

    A node: it claimed jobs, and then wrote outcomes; or its lease was prolonged, or begun, and then
    there was nothing to be claimed. A client: what it enqueued was confirmed.
    """

    is_client: bool = False
    done: bool = False
    _leased: bool = False
    _claimed: bool = False

    def hear(self, answer: Answer) -> None:
        """An answer has reached them."""
        if answer.failed:
            return
        if self.is_client:
            self.done |= answer.statement in ENQUEUES
        else:
            self._hear_node(answer.statement, answer.rows)

    def _hear_node(self, statement: str, rows: int) -> None:
        if statement in LEASES:
            self._leased |= rows > 0
        elif statement == "claim":
            self._claimed |= rows > 0
            self.done |= self._leased and rows == 0
        elif statement in ACKS:
            self.done |= self._claimed
