-- Say that a migration was undone.
-- Caller: Migrator, under its lock.  Takes: $1 version.  Index: migration_pkey.
DELETE FROM migration WHERE version = $1
