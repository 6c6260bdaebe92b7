-- Delete a job that is not running, and its failures with it.
-- Caller: Store.delete.
-- Takes:  $1 id.  Locks: the job's row.  Index: job_pkey, failure_pkey.
-- Rows:   one: whether it was deleted, and whether it was there.
WITH deleted AS (
    DELETE FROM job WHERE job.id = $1::uuid AND job.state <> 'running'
    RETURNING job.id, notify_finished(ARRAY[job.id]) AS notified
)
SELECT
    EXISTS (SELECT FROM deleted) AS deleted,
    EXISTS (SELECT FROM job WHERE job.id = $1::uuid) AS found,
    (SELECT sum(deleted.notified) FROM deleted)::bigint AS notified
