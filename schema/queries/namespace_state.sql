-- Which migration a namespace is at, and who lives in it.
-- Caller: runtime.client, NamespaceWork.list; drop_namespace; with the namespace as search_path.
-- Locks:  none.
-- Rows:   one.
SELECT
    (SELECT coalesce(max(migration.version), 0) FROM migration) AS version,
    ARRAY(
        SELECT node.name
        FROM node
        WHERE node.ended_at IS NULL AND node.expires_at > now()
        ORDER BY node.id
    ) AS nodes
