-- The namespace's b-trees: how large they are, and how large they need be.
-- Caller: Store.reindex, by the leader's Reindexer, and the command `maintain reindex`.
-- Takes:  $1 namespace; $2 the term in which a leader asks, which gets no row if that is over; NULL:
--         anybody else.
-- Locks:  none.  Plan: scans of the catalogue.
-- Rows:   one an index that we may rebuild, the largest waste first. `needed_bytes` is an estimate: an
--         entry takes 8 bytes, its line pointer 4, and its columns what their statistics say; pages
--         that were split at random are two thirds full. NULL: it was never counted.
SELECT
    entry.relname::text AS name,
    owner.relname::text AS table_name,
    pg_relation_size(entry.oid) AS bytes,
    CASE WHEN entry.reltuples >= 0 THEN
        (2 * 8192 + entry.reltuples * (12 + 8 * ceil(width.bytes / 8.0)) / 0.66)::bigint
    END AS needed_bytes
FROM pg_index AS index
JOIN pg_class AS entry ON entry.oid = index.indexrelid
JOIN pg_class AS owner ON owner.oid = index.indrelid
JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
JOIN pg_am AS method ON method.oid = entry.relam
CROSS JOIN LATERAL (
    SELECT
        sum(CASE WHEN part.attlen > 0 THEN part.attlen ELSE coalesce(known.avg_width, 32) END)
            AS bytes
    FROM pg_attribute AS part
    LEFT JOIN pg_stats AS known
        ON known.schemaname = namespace.nspname AND known.tablename = owner.relname
        AND known.attname = part.attname AND NOT known.inherited
    WHERE part.attrelid = entry.oid
) AS width
WHERE namespace.nspname = $1::text AND method.amname = 'btree' AND index.indisvalid
AND owner.relkind = 'r' AND entry.relname ~ '^[a-z_][a-z0-9_]*$'
AND pg_has_role(owner.relowner, 'USAGE')
AND ($2::bigint IS NULL OR EXISTS (
    SELECT FROM leader
    WHERE leader.name = 'default' AND leader.term = $2 AND leader.expires_at > clock_timestamp()
))
ORDER BY
    pg_relation_size(entry.oid)
    - CASE WHEN entry.reltuples >= 0 THEN
        2 * 8192 + entry.reltuples * (12 + 8 * ceil(width.bytes / 8.0)) / 0.66
    ELSE pg_relation_size(entry.oid) END DESC,
    entry.relname
