-- How many transactions this database has seen end.
-- Caller: scripts/bench, twice, for a rate.
-- Locks:  none.
SELECT stat.xact_commit + stat.xact_rollback
FROM pg_stat_database AS stat
WHERE stat.datname = current_database()
