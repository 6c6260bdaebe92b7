-- Wait until nobody else makes or drops a template.
-- Caller: runtime.testing.  Takes: $1 the lock's number.  Locks: that advisory one, for the session.
SELECT pg_advisory_lock($1::bigint)::text
