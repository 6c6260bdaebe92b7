-- End this node's term, if it has one.
-- Caller: Store.resign.
-- Takes:  $1 node id.  Locks: the one row of leader.
-- Rows:   none.
UPDATE leader SET node_id = NULL, expires_at = now() WHERE node_id = $1::bigint
