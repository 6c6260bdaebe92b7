-- Sessions that build or drop an index just now.
-- Caller: scripts/chaos migrate.
-- Locks:  none.
SELECT pg_stat_activity.pid
FROM pg_stat_activity
WHERE pg_stat_activity.state = 'active' AND pg_stat_activity.query LIKE '% INDEX CONCURRENTLY %'
AND pg_stat_activity.pid <> pg_backend_pid()
