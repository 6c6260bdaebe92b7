-- The running jobs of a node that are to be held back.
-- Caller: Store.awaiting_pause, with Store.awaiting_cancel.
-- Takes:  $1 node id.  Locks: none.  Index: job_running.
-- Rows:   one a job. No ORDER BY id: see awaiting_cancel.sql.
SELECT job.id
FROM job
WHERE job.state = 'running' AND job.node_id = $1 AND job.paused_at IS NOT NULL
