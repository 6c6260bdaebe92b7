-- The processes of the nodes that have a long job in their hands.
-- Caller: scripts/chaos deploy, before it drains one.
-- Locks:  none.  Index: job_running.
-- Rows:   one a node.
SELECT DISTINCT node.pid
FROM job JOIN node ON node.id = job.node_id
WHERE job.state = 'running' AND job.kind = 'lasting'
