-- Hold a job back: at once; or, while it runs, from the end of its run on. A final one stays as it is.
-- Caller: Store.pause_job, and runtime.client, which then read the job.
-- Takes:  $1 id.  Locks: the job's row.  Index: job_pkey.
-- Rows:   one: whether it was paused, and whether it was marked while it runs.
SELECT done.changed, done.asked
FROM pause_jobs(ARRAY[$1::uuid]) AS done
