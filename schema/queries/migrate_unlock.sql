-- Give the migrator's lock back (the end of the session does so as well).
-- Caller: Migrator.  Takes: as migrate_lock.
SELECT pg_advisory_unlock($1::int, $2::int)
