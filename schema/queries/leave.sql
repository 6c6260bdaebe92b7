-- End a node's lease now.
-- Caller: Store.leave.
-- Takes:  $1 node id.  Locks: the node's row.  Index: node_pkey.
-- Rows:   none.
UPDATE node
SET expires_at = least(expires_at, now()), ended_at = now()
WHERE id = $1::bigint AND ended_at IS NULL
