-- Whether there is a database of this name.
-- Caller: runtime.testing.  Takes: $1 a name.
SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1::text)
