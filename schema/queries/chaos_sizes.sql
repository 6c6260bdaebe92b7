-- The sizes of all tables and indexes of the namespace, and what is dead in them.
-- Caller: scripts/chaos soak.
-- Locks:  none that anybody waits for.
-- Rows:   one a table or index; an index has no dead rows of its own.
SELECT
    relation.relname::text AS name,
    relation.relkind = 'i' AS is_index,
    pg_relation_size(relation.oid) AS bytes,
    coalesce(pg_stat_get_dead_tuples(relation.oid), 0) AS dead_rows
FROM pg_class AS relation
WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind IN ('r', 'i')
ORDER BY relation.relname
