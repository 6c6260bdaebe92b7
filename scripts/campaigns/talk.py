"""What is said over a connection to PostgreSQL: which statements run, and which are answered. Pure.

A proxy feeds it the bytes of both directions, so that faults can strike at chosen statements.
Statements have the names of their files in schema/queries; any other is its first word, such as
LISTEN, BEGIN, COPY, COMMIT. Source: PostgreSQL's manual, "Frontend/Backend Protocol". Connections
without TLS only.
"""

from __future__ import annotations

from collections import deque
from functools import cache

import attrs

from runtime import sql
from runtime.handler_options import DEFAULT_NAMESPACE

# The first word of every message: a byte that says what it is (but for the first of a connection),
# and its length in four bytes, which count themselves.
_KIND, _LENGTH = 1, 4
CONNECT = "connect"


@attrs.frozen
class Answer:
    """A statement to which the server said all that it had to say.

    Attributes: rows, as many as the server says were touched; failed, whether it refused.
    """

    statement: str
    rows: int
    failed: bool


@attrs.define
class Frames:
    """Cuts a stream into messages."""

    _rest: bytes = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The kinds and bodies of the messages that are whole by now."""
        stream, at, found = self._rest + data, 0, []
        while len(stream) - at >= _KIND + _LENGTH:
            body = at + _KIND + _LENGTH
            end = at + _KIND + int.from_bytes(stream[at + _KIND : body])
            if end > len(stream):
                break
            found.append((stream[at : at + _KIND], stream[body:end]))
            at = end
        self._rest = stream[at:]
        return found


@attrs.define
class Talk:
    """One connection. Attributes: names, of all statements that were asked over it."""

    names: set[str] = attrs.field(factory=set)
    _opening: bytes | None = b""  # the connection's first message, which says no kind
    _client: Frames = attrs.field(factory=Frames)
    _server: Frames = attrs.field(factory=Frames)
    _prepared: dict[bytes, str] = attrs.field(factory=dict)
    _bound: str = ""  # since the last Sync
    _open: deque[str] = attrs.field(factory=deque)  # asked, not answered yet
    _rows: int = 0
    _failed: bool = False

    def asked(self, data: bytes) -> list[str]:
        """The statements that these bytes of the client ask for."""
        found = []
        if self._opening is not None:
            data = self._opened(self._opening + data)
        for kind, body in self._client.feed(data):
            name = self._ask(kind, body)
            if name is not None:
                found.append(name)
        self.names.update(found)
        return found

    def answered(self, data: bytes) -> list[Answer]:
        """The statements whose answer these bytes of the server complete."""
        found = []
        for kind, body in self._server.feed(data):
            match kind:
                case b"C":  # CommandComplete: "UPDATE 3"
                    last = body.rstrip(b"\0").rpartition(b" ")[2]
                    self._rows = int(last) if last.isdigit() else 0
                case b"E":
                    self._failed = True
                case b"Z" if self._open:  # ReadyForQuery
                    found.append(Answer(self._open.popleft(), self._rows, self._failed))
                    self._rows, self._failed = 0, False
        return found

    def _opened(self, data: bytes) -> bytes:
        """What follows the first message, once it is whole."""
        length = int.from_bytes(data[:_LENGTH]) if len(data) >= _LENGTH else _LENGTH
        if len(data) < length or len(data) < _LENGTH:
            self._opening = data
            return b""
        self._opening = None
        self._open.append(CONNECT)
        return data[length:]

    def _ask(self, kind: bytes, body: bytes) -> str | None:
        match kind:
            case b"P":  # Parse: what the statement of this name is
                name, text, *_ = body.split(b"\0", 2)
                self._prepared[name] = name_of(text.decode(errors="replace"))
            case b"B":  # Bind: to a portal, the statement of this name
                self._bound = self._prepared.get(body.split(b"\0", 2)[1], "")
                return self._bound
            case b"S":  # Sync
                self._open.append(self._bound)
                self._bound = ""
            case b"Q":  # Query
                name_ = name_of(body.rstrip(b"\0").decode(errors="replace"))
                self._open.append(name_)
                return name_
        return None


def name_of(text: str) -> str:
    """The name of a statement."""
    plain = text.replace(f'"{DEFAULT_NAMESPACE}".', f"{DEFAULT_NAMESPACE}.")
    first = plain.split(maxsplit=1)[0].rstrip(";").upper() if plain.strip() else ""
    return _names().get(plain.strip().rstrip(";"), first)


@cache
def _names() -> dict[str, str]:
    paths = sorted((sql.SCHEMA / "queries").glob("*.sql"))
    return {sql.load(path.stem): path.stem for path in paths}
