-- Make jobs that are not running available now, with one more attempt if they had used all. Workflows go
-- on from where they failed.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids.  Locks: none but those of jobs_lock.sql.  Index: job_pkey.
-- Rows:   one: how many were made available.
WITH changed AS (
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
    WHERE job.id = ANY ($1::uuid[]) AND job.state <> 'running'
    AND (job.paused_at IS NULL OR job.finalized_at IS NOT NULL)
    RETURNING job.id, job.run_number, job.queue
), told AS (
    SELECT count(pg_notify(current_schema() || '.wakeup', woken.queue)) AS queues
    FROM (SELECT DISTINCT changed.queue FROM changed) AS woken
)
SELECT
    count(*) AS changed, (SELECT told.queues FROM told) AS queues,
    forget_failures(array_agg(changed.id) FILTER (WHERE changed.run_number > 0)) AS children
FROM changed
