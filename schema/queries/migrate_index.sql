-- Whether an index is valid; no row if there is none of this name.
-- Caller: Migrator, under its lock.  Takes: $1 namespace, $2 index.  Locks: none.
SELECT index.indisvalid AND index.indisready
FROM pg_index AS index
JOIN pg_class AS relation ON relation.oid = index.indexrelid
JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE namespace.nspname = $1 AND relation.relname = $2
