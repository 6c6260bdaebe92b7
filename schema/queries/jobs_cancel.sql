-- Cancel jobs: at once, or, while they run, by asking their nodes to. Final ones stay as they are.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids; $2 the reason, or NULL: the first that is given is kept.  Locks: none but those of jobs_lock.sql.  Index: job_pkey.
-- Rows:   one: how many were cancelled, and of how many the node was asked.
WITH changed AS (
    UPDATE job
    SET cancel_requested_at = coalesce(job.cancel_requested_at, now()),
        cancel_reason = coalesce(job.cancel_reason, $2::text),
        state = CASE WHEN job.state = 'running' THEN job.state ELSE 'cancelled' END,
        finalized_at = CASE WHEN job.state <> 'running' THEN now() END
    WHERE job.id = ANY ($1::uuid[]) AND job.state NOT IN ('completed', 'cancelled', 'discarded')
    RETURNING
        job.id,
        job.state,
        CASE
            WHEN job.state = 'running'
            THEN length(pg_notify(current_schema() || '.control', 'cancel:' || job.id::text)::text)
        END
)
SELECT
    count(*) FILTER (WHERE changed.state = 'cancelled') AS changed,
    count(*) FILTER (WHERE changed.state = 'running') AS asked,
    notify_finished(array_agg(changed.id) FILTER (WHERE changed.state = 'cancelled')) AS notified,
    tell_workflows(array_agg(changed.id) FILTER (WHERE changed.state = 'cancelled')) AS told
FROM changed
