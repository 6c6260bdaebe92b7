-- Hold a template, with others.
-- Caller: runtime.testing.  Takes: $1 the lock's number.  Locks: that advisory one, shared.
SELECT pg_advisory_lock_shared($1::bigint)::text
