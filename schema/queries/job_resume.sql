-- Let a paused job go on from where it was. Another stays as it is.
-- Caller: Store.resume_job, and runtime.client, which then read the job.
-- Takes:  $1 id.  Locks: the job's row; those of wake.sql.  Index: job_pkey, and those of wake.sql.
-- Rows:   one: whether it was resumed, and whether that was while it runs.
SELECT done.changed, done.asked
FROM resume_jobs(ARRAY[$1::uuid]) AS done
