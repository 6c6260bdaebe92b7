-- Say that a migration was applied.
-- Caller: Migrator, under its lock.  Takes: $1 version, $2 name, $3 checksum.
INSERT INTO migration (version, name, checksum) VALUES ($1, $2, $3)
