-- The schema of a namespace.
-- Caller: Migrator, under its lock, if migrate_found says that it is missing (IF NOT EXISTS alone
-- would ask for the right to create schemas also where nothing is to be created).
-- Takes: the namespace in place of :"namespace".  Locks: none that anybody waits for.
CREATE SCHEMA IF NOT EXISTS :"namespace"
