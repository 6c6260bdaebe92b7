-- Indexes left INVALID by a concurrent build that was interrupted: writers maintain them, no reader
-- uses them. Those that are being built right now are not among them.
-- Caller: Migrator.  Takes: $1 namespace.  Locks: none.
SELECT relation.relname
FROM pg_index AS index
JOIN pg_class AS relation ON relation.oid = index.indexrelid
JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
LEFT JOIN pg_stat_progress_create_index AS progress ON progress.index_relid = index.indexrelid
WHERE namespace.nspname = $1 AND NOT (index.indisvalid AND index.indisready) AND progress.pid IS NULL
ORDER BY relation.relname
