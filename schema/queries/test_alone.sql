-- Whether nobody holds a template; nobody can, while the caller is in test_lock.
-- Caller: runtime.testing.  Takes: $1 the lock's number.  Locks: that advisory one, for this statement.
SELECT pg_try_advisory_xact_lock($1::bigint)
