-- Have nodes that live serve a queue besides, or no more, until they end; and tell them.
-- Caller: QueueWork.add, QueueWork.remove.
-- Takes:  $1 the queue; $2 as a node's options have it, or NULL: no more; $3 the name of the node; NULL: all.
-- Locks:  the nodes' rows, in order of id.
-- Rows:   one a node: its name.
WITH living AS MATERIALIZED (
    SELECT node.id
    FROM node
    WHERE node.ended_at IS NULL AND node.expires_at > now()
    AND ($3::text IS NULL OR node.name = $3::text)
    ORDER BY node.id
    FOR UPDATE
)
UPDATE node
SET assigned = node.assigned || jsonb_build_object($1::text, $2::text),
    queues = CASE
        WHEN $2::text IS NULL THEN array_remove(node.queues, $1::text)
        ELSE array_append(array_remove(node.queues, $1::text), $1::text)
    END
FROM living
WHERE node.id = living.id
RETURNING
    node.name, length(pg_notify(current_schema() || '.control', 'queues:' || $1::text)::text) AS told
