-- Cancel what such a session does.
-- Caller: scripts/chaos migrate.
-- Takes:  $1 its process.  Locks: none.
SELECT pg_cancel_backend($1::integer) AS found
