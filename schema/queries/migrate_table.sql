-- Which migrations a namespace has had. A row is written in the migration's own transaction; for one
-- that runs outside of transactions, after it has succeeded.
-- Caller: Migrator, under its lock.  Locks: none that anybody waits for.
CREATE TABLE IF NOT EXISTS migration (
    version int CONSTRAINT migration_pkey PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,                         -- SHA-256 of the statements, without comments
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT migration_version CHECK (version > 0)
)
