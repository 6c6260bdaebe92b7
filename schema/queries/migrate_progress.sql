-- How far the namespace's index build has come, and whom it waits for.
-- Caller: Migrator, while a build runs, if somebody watches.  Takes: $1 namespace.  Locks: none.
SELECT
    progress.phase,
    progress.blocks_done,
    progress.blocks_total,
    progress.lockers_total - progress.lockers_done AS lockers,
    nullif(progress.current_locker_pid, 0) AS locker
FROM pg_stat_progress_create_index AS progress
JOIN pg_class AS relation ON relation.oid = progress.relid
JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE namespace.nspname = $1
LIMIT 1
