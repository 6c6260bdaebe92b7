"""The Store on PostgreSQL 14 to 18, over a Bridge whose sessions have the settings named here."""

from actors.store.postgres.session import HOT_SESSION, session_of
from actors.store.postgres.store import PostgresStore

__all__ = ["HOT_SESSION", "PostgresStore", "session_of"]
