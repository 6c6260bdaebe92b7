-- Nodes that have not ended and were started since the same boot of the same machine.
-- Caller: Store.neighbours.
-- Takes:  $1 node id, of the one who asks.
-- Locks:  none.  Index: none; `node` is small.
-- Rows:   one a node: its id, pid and when that process was started.
SELECT other.id, other.pid, other.pid_started
FROM node CROSS JOIN node AS other
WHERE node.id = $1::bigint AND other.id <> node.id
AND other.boot_id = node.boot_id AND other.ended_at IS NULL
ORDER BY other.id
