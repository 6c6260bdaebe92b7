-- The migrations that this namespace has had, in order.
-- Caller: Migrator.  Locks: none.  Index: migration_pkey; some ten rows.
SELECT version, name, checksum, applied_at FROM migration ORDER BY version
