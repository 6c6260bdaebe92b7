-- The database's clock, in seconds since 1970.
-- Caller: scripts/bench, for the ends of a measured time; and as the first query of a snapshot.
-- Locks:  none.
SELECT extract(epoch FROM clock_timestamp())::double precision
