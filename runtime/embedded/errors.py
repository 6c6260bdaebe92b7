"""The one error of the embedded PostgreSQL.

Its text says what went wrong, where, and what to do; where a server or a tool of PostgreSQL was
involved, the end of its log is part of the text.
"""


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL can't be found, started, joined or used as asked."""
