-- Delete jobs that are not running, and their failures with them.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids.  Locks: none but those of jobs_lock.sql.  Index: job_pkey, failure_pkey.
-- Rows:   one: how many were deleted.
WITH changed AS (
    DELETE FROM job WHERE job.id = ANY ($1::uuid[]) AND job.state <> 'running'
    RETURNING job.id
)
SELECT count(*) AS changed, notify_finished(array_agg(changed.id)) AS notified
FROM changed
