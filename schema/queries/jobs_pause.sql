-- Hold jobs back: at once; or, while they run, from the end of their run on. Final ones stay as they are.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids.  Locks: none but those of jobs_lock.sql.  Index: job_pkey.
-- Rows:   one: how many were paused, and how many were marked while they run.
SELECT done.changed, done.asked
FROM pause_jobs($1::uuid[]) AS done
