-- End such a session.
-- Caller: scripts/chaos migrate.
-- Takes:  $1 its process.  Locks: none.
SELECT pg_terminate_backend($1::integer) AS found
