-- What interrupted rebuilds have left: INVALID copies, which every write still pays for.
-- Caller: Store.reindex and the command `maintain reindex`, under the lock of those who build indexes.
-- Takes:  $1 namespace; $2 the term in which a leader asks, which gets no row if that is over; NULL:
--         anybody else.
-- Locks:  none.  Plan: scans of the catalogue.
-- Rows:   one a leftover. REINDEX CONCURRENTLY names its copies _ccnew and _ccold; those that are being
--         built right now are not among them. Other INVALID indexes are for the migrator to rebuild.
SELECT entry.relname::text AS name, pg_relation_size(entry.oid) AS bytes
FROM pg_index AS index
JOIN pg_class AS entry ON entry.oid = index.indexrelid
JOIN pg_class AS owner ON owner.oid = index.indrelid
JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
LEFT JOIN pg_stat_progress_create_index AS progress
    ON progress.index_relid = index.indexrelid OR progress.relid = index.indrelid
WHERE namespace.nspname = $1::text AND NOT index.indisvalid AND progress.pid IS NULL
AND entry.relname ~ '^[a-z_][a-z0-9_]*_cc(new|old)[0-9]*$'
AND pg_has_role(owner.relowner, 'USAGE')
AND ($2::bigint IS NULL OR EXISTS (
    SELECT FROM leader
    WHERE leader.name = 'default' AND leader.term = $2 AND leader.expires_at > clock_timestamp()
))
ORDER BY entry.relname
