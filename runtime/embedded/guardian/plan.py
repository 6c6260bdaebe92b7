"""What a guardian is told to do, and the words that it and its users exchange.

Owns the format on the connection: one JSON value a line. First line to a new guardian: the plan.
Afterwards a user may say `ENSURE`; each user is answered once after joining and once after it said
that, with `{"ready": {...}}` or `{"failed": "..."}`. The last user to leave is told `ENDED`. Owns
the names in the data directory, too.
"""

import json
from typing import Any, NamedTuple

ENSURE = b'"ensure"\n'
"""A user asks to be told when the server is (again) ready."""

PGDATA = "pgdata"
RECORD = "guardian.json"
"""Where the living guardian listens."""
GUARDIAN_LOCK = "guardian.lock"
START_LOCK = "start.lock"
LOG = "server.log"

ENDED = b'"ended"\n'
"""The server has stopped and the guardian ends."""

PORT = 5432
"""Names the socket file only (`.s.PGSQL.5432`): no TCP port is opened."""

SUPERUSER = "postgres"


class Plan(NamedTuple):
    """One server: where it lives, what runs it, how it's set up. Paths are absolute strings."""

    root: str
    """The data directory that the user named; everything durable is below it."""
    socket_dir: str
    bin_dir: str
    version: str
    settings: dict[str, str]
    ephemeral: bool
    """No durability; `root` is removed at the end."""
    identity: str
    """How PostgreSQL avoids to run as root: see `identity.choose`."""

    def line(self) -> bytes:
        """As the first line on the connection."""
        return encode(self._asdict())


class Ready(NamedTuple):
    """What a user needs to use the server."""

    socket_dir: str
    bin_dir: str
    version: str
    guardian_pid: int


def encode(message: object) -> bytes:
    """One line of the conversation."""
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> Any:
    """The message of one line."""
    return json.loads(line)
