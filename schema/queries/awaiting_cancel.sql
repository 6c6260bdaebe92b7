-- The running jobs of a node whose cancellation was requested.
-- Caller: Store.awaiting_cancel, now and then: the poll behind the notification.
-- Takes:  $1 node id.  Locks: none.  Index: job_running.
-- Rows:   one a job. No ORDER BY id: it would tempt the planner to read job_pkey whole.
SELECT job.id, job.cancel_reason
FROM job
WHERE job.state = 'running' AND job.node_id = $1 AND job.cancel_requested_at IS NOT NULL
