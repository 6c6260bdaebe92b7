-- The process of the leader; no row while there is none.
-- Caller: scripts/chaos leader.
-- Locks:  none.
SELECT node.pid
FROM leader JOIN node ON node.id = leader.node_id
WHERE leader.expires_at > now()
