-- The database's clock.
-- Caller: scripts/chaos, when the database answers again.  Locks: none.
SELECT clock_timestamp()
