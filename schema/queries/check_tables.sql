-- How much of the tables is dead, and whether anybody cleans up.
-- Caller: the command `check`.
-- Takes:  $1 namespace.
-- Locks:  none.
-- Plan:   scans of the catalogue.
-- Rows:   one a table.
SELECT
    relname::text AS name,
    n_live_tup AS live,
    n_dead_tup AS dead,
    greatest(last_vacuum, last_autovacuum) AS vacuumed_at,
    pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables
WHERE schemaname = $1::text
ORDER BY relname
