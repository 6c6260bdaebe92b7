-- Make a job that is not running available now, with one more attempt if it had used all, a crash
-- budget as new, and no deadline if that is past. A workflow goes on from where it failed.
-- Caller: Store.retry, which then reads the job.
-- Takes:  $1 id.  Locks: the job's row.  Index: job_pkey.
-- Rows:   one if the job was not running.
UPDATE job
SET state = CASE
        WHEN job.sequence AND job.state IN ('pending', 'completed', 'cancelled', 'discarded')
        THEN 'pending' -- until it is its turn
        WHEN job.kind = 'headrace.graph' THEN 'pending' -- it ends with its jobs
        ELSE 'available'
    END::job_state,
    scheduled_at = CASE WHEN job.state = 'available' THEN job.scheduled_at ELSE now() END,
    finalized_at = NULL,
    cancel_requested_at = NULL,
    cancel_reason = NULL,
    paused_at = NULL,
    paused_from = NULL,
    expired_at = NULL,
    output = NULL,
    crashes = 0,
    expires_at = CASE WHEN job.expires_at > now() THEN job.expires_at END,
    max_attempts = greatest(job.max_attempts, job.attempt + 1)
WHERE job.id = $1::uuid AND job.state <> 'running'
AND (job.paused_at IS NULL OR job.finalized_at IS NOT NULL)
RETURNING
    length(pg_notify(current_schema() || '.wakeup', job.queue)::text) AS notified,
    CASE WHEN job.run_number > 0 THEN forget_failures(ARRAY[job.id]) END AS children
