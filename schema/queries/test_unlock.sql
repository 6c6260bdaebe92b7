-- Undo test_lock.
-- Caller: runtime.testing.  Takes: $1 the lock's number.
SELECT pg_advisory_unlock($1::bigint)
