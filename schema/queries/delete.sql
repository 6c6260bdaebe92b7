-- Delete a job that is not running, and its failures with it.
-- Caller: Store.delete, which then asks whether the job is there: a statement that had to wait for
--         another one's deletion still sees the job as it was before.
-- Takes:  $1 id.  Locks: the job's row.  Index: job_pkey, failure_pkey.
-- Rows:   one if it was deleted.
DELETE FROM job WHERE job.id = $1::uuid AND job.state <> 'running'
RETURNING notify_finished(ARRAY[job.id]) AS notified
