-- Undo test_hold.
-- Caller: runtime.testing.  Takes: $1 the lock's number.
SELECT pg_advisory_unlock_shared($1::bigint)
