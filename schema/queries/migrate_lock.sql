-- One migrator a namespace: take the lock, or hear at once that somebody has it. It is never waited
-- for: a waiting statement has a snapshot, and CREATE INDEX CONCURRENTLY of the holder would wait for
-- that snapshot to end, each for the other.
-- Caller: Migrator.  Takes: $1 our class of locks, $2 the namespace as a number.
SELECT pg_try_advisory_lock($1::int, $2::int)
