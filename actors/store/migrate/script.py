"""One migration file: its statements, what they do to indexes, and a checksum of what they say.

Rule: two texts that PostgreSQL would execute alike have one checksum: comments, and white space
between words, may be mended after a migration was applied; a function's body may not. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import attrs

from runtime.errors import MigrationError

NO_TRANSACTION = "-- no-transaction"

_TOKEN = re.compile(
    r"""
      (?P<blank> -- [^\n]* | /\* .*? \*/ | \s+ )
    | (?P<quoted>
          ' (?: [^'] | '' )* ' | " (?: [^"] | "" )* "
        | \$ (?P<tag> \w* ) \$ .*? \$ (?P=tag) \$ )
    | (?P<end> ; )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_INDEX = re.compile(
    r"""
    (?: (?P<create> CREATE \s (?: UNIQUE \s )? INDEX ) | DROP \s INDEX ) \s CONCURRENTLY \s
    (?: IF \s (?: NOT \s )? EXISTS \s )? (?: " (?P<quoted> \w+ ) " | (?P<plain> \w+ ) )
    """,
    re.VERBOSE | re.IGNORECASE,
)


@attrs.frozen
class Script:
    """The text of a migration in one direction.

    Attributes: label, such as ``004_job_claim``; sql, the text; transactional, whether it runs in a
    transaction together with its row in `migration`; creates and drops, the index that its one
    statement builds or drops concurrently, or None; checksum, hexadecimal.
    """

    label: str
    sql: str = attrs.field(repr=False)
    transactional: bool
    creates: str | None
    drops: str | None
    checksum: str

    @classmethod
    def read(cls, label: str, sql: str) -> Script:
        """Raises: MigrationError: marked no-transaction and not exactly one statement."""
        text = sql.removeprefix("\ufeff").replace("\r\n", "\n")
        statements = list(_statements(text))
        transactional = not _is_marked(text)
        if not statements:
            raise MigrationError(f"migration {label} holds no statement")
        if not transactional and len(statements) != 1:
            raise MigrationError(
                f"migration {label} is marked no-transaction and holds {len(statements)}"
                " statements; it must hold one, for nobody could tell where between two it broke"
            )
        index = None if transactional else _INDEX.match(statements[0])
        name = index and (index["quoted"] or index["plain"].lower())
        creates = bool(index and index["create"])
        return cls(
            label=label,
            sql=text,
            transactional=transactional,
            creates=name if creates else None,
            drops=None if creates else name,
            checksum=hashlib.sha256(";\n".join(statements).encode()).hexdigest(),
        )


def _is_marked(text: str) -> bool:
    """Whether the marker is one of the comment lines before the first statement."""
    for line in text.splitlines():
        if line.strip() == NO_TRANSACTION:
            return True
        if line.strip() and not line.startswith("--"):
            return False
    return False


def _statements(text: str) -> Iterator[str]:
    """The statements, without comments, with one space wherever there were blanks."""
    words: list[str] = []
    for token in _TOKEN.finditer(text + "\n;"):
        if token["end"]:
            statement = "".join(words).strip()
            words.clear()
            if statement:
                yield statement
        elif not token["blank"]:
            words.append(token.group())
        elif words and words[-1] != " ":
            words.append(" ")
