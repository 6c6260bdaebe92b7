-- How many jobs were ever written, by the database's own statistics: a count that only grows, but
-- for a reset of the statistics, and is up to a second late.
-- Caller: Store.enqueued.
-- Locks:  none.
-- Rows:   one.
SELECT coalesce(pg_stat_get_tuples_inserted('job'::regclass), 0) AS jobs
