"""A job's id made of a name that others know it by, such as the number of an order. Pure.

Rule: of the same kind and name it is the same id, in every process and for ever, whatever version
of a workflow makes it: so to start again what was started adds nothing, and whoever knows the name
can signal, read and cancel without a look-up.
"""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID

from runtime.errors import UsageError

LONGEST_NAME = 1_000  # characters; it is only hashed, and more than that is a mistake


def external_id(kind: str, name: str) -> UUID:
    """The id, a UUID of version 8 (RFC 9562). Raises: UsageError, for what is no name."""
    if not (type(name) is str and 1 <= len(name) <= LONGEST_NAME):
        raise UsageError(
            f"an external id is text of 1 to {LONGEST_NAME} characters, not {name!r:.100}"
        )
    base = kind.partition("@")[0]
    digest = blake2b(f"{base}\0{name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    number = int.from_bytes(digest) & ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | (8 << 76) | (2 << 62))
