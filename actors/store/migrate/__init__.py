"""Migrations: from the files of schema/migrations to the tables of a namespace, and back.

`script` and `files` read them, `plan` decides, `apply` does one step in the database, `migrator` is
what others use.
"""

from actors.store.migrate.migrator import Applied, Migrator
from actors.store.migrate.plan import Recorded, Status
from actors.store.migrate.watch import Progress

__all__ = ["Applied", "Migrator", "Progress", "Recorded", "Status"]
