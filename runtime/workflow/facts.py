"""What a workflow may not find out by itself, since it would find out otherwise at a replay: the
time, dice, new ids. And what it tells the world while it goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from uuid import UUID

from runtime.handler_options import check_name
from runtime.workflow.flow import Flow
from runtime.workflow.ids import dice_seed, place_uuid
from runtime.workflow.strand import Strand
from runtime.workflow.values import plain


def now(strand: Strand) -> Flow[datetime]:
    """The time at which the workflow came here first."""
    spot = yield from strand.enter("now")
    if spot.seen is not None:
        seconds = float(plain(spot.seen.output))
    else:
        seconds = round((yield from strand.session.hear_time()), 6)
        strand.put(spot.record(output=repr(seconds)))
    return datetime.fromtimestamp(seconds, UTC)


def new_uuid(strand: Strand) -> Flow[UUID]:
    """Made of job and place; recorded for a fork, whose job is another."""
    spot = yield from strand.enter("uuid")
    if spot.seen is not None:
        return UUID(plain(spot.seen.output))
    made = place_uuid(strand.session.id, strand.session.seed(spot.place))
    strand.lazily(spot.record(output=f'"{made}"'))
    return made


def random(strand: Strand) -> Flow[Random]:
    """As `new_uuid`."""
    spot = yield from strand.enter("random")
    if spot.seen is not None:
        return Random(str(plain(spot.seen.output)))
    seed = dice_seed(strand.session.id, strand.session.seed(spot.place))
    strand.lazily(spot.record(output=f'"{seed}"'))
    return Random(seed)


class Publish:
    """A value that everybody may read."""

    def __init__(self, key: str, value: object) -> None:
        self._key = check_name("a published key", key)
        self._value = value

    def __call__(self, strand: Strand) -> Flow[None]:
        """Its flow. Raises: PayloadInvalid, PayloadTooLarge."""
        spot = yield from strand.enter("publish", self._key)
        if spot.seen is None:
            session = strand.session
            text = session.written(f"published {self._key!r}", self._value)
            stored = session.sealed("null" if text is None else text)
            strand.put(spot.record(output=stored, publish=True))
