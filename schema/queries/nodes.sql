-- All known nodes, the living first, then the newest.
-- Caller: Store.nodes.
-- Locks:  none.  Index: job_running, a range a node.
SELECT
    node.id, node.name, node.host, node.pid, node.version, node.queues, node.workers,
    node.started_at, node.heartbeat_at, node.expires_at,
    node.ended_at IS NULL AND node.expires_at > now() AS live,
    EXISTS (
        SELECT FROM leader WHERE leader.node_id = node.id AND leader.expires_at > now()
    ) AS leader,
    (
        SELECT count(*) FROM job WHERE job.state = 'running' AND job.node_id = node.id
    ) AS running,
    node.kinds
FROM node
ORDER BY live DESC, node.id DESC
