"""Ids and dice that are the same at every replay. Pure.

Rule: made of the job's id and a place, so that to do it again makes the same again.
"""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID


def child_id(parent: UUID, place: str, index: int) -> UUID:
    """Of the child job number `index`, from 0, that the step at `place` makes."""
    return _uuid(parent, f"child {place} {index}")


def place_uuid(job: UUID, place: str) -> UUID:
    """What `ctx.uuid()` gives at `place`."""
    return _uuid(job, f"uuid {place}")


def dice_seed(job: UUID, place: str) -> str:
    """Of what `ctx.random()` gives at `place`."""
    return _digest(job, f"random {place}").hex()


def _uuid(job: UUID, what: str) -> UUID:
    """Of version 8, as RFC 9562 lays it out: made by a rule of one's own."""
    number = int.from_bytes(_digest(job, what))
    number &= ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | (8 << 76) | (2 << 62))


def _digest(job: UUID, what: str) -> bytes:
    return blake2b(what.encode(), digest_size=16, key=job.bytes).digest()
