-- The running jobs of a node whose cancellation was requested.
-- Caller: Store.awaiting_cancel, now and then: the poll behind the notification.
-- Takes:  $1 node id.  Locks: none.  Index: job_running.
-- A run that began after the request is not told: it is a workflow's, which tells itself and cleans up.
-- Rows:   one a job. No ORDER BY id: it would tempt the planner to read job_pkey whole.
SELECT job.id, job.cancel_reason
FROM job
WHERE job.state = 'running' AND job.node_id = $1 AND job.cancel_requested_at >= job.attempted_at
