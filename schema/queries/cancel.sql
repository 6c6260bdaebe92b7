-- Cancel a job: at once, or, while it runs, by asking its node to. A final one stays as it is.
-- Caller: Store.cancel, which then reads the job.
-- Takes:  $1 id, $2 the reason or NULL; the first one is kept.  Locks: the job's row.  Index: job_pkey.
-- Rows:   one if the job was not final.
UPDATE job
SET cancel_requested_at = coalesce(job.cancel_requested_at, now()),
    cancel_reason = coalesce(job.cancel_reason, $2::text),
    state = CASE WHEN job.state = 'running' THEN job.state ELSE 'cancelled' END,
    finalized_at = CASE WHEN job.state <> 'running' THEN now() END
WHERE job.id = $1::uuid AND job.state NOT IN ('completed', 'cancelled', 'discarded')
RETURNING
    CASE
        WHEN job.state = 'cancelled' THEN notify_finished(ARRAY[job.id])
    END AS notified,
    CASE WHEN job.state = 'cancelled' THEN tell_workflows(ARRAY[job.id]) END AS told,
    CASE
        WHEN job.state = 'running'
        THEN length(pg_notify(current_schema() || '.control', 'cancel:' || job.id::text)::text)
    END AS asked
