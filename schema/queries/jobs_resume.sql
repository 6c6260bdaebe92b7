-- Let paused jobs go on from where they were. Others stay as they are.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids.  Locks: those of jobs_lock.sql and wake.sql.  Index: job_pkey, and those of wake.sql.
-- Rows:   one: how many were resumed, and how many of them while they run.
SELECT done.changed, done.asked
FROM resume_jobs($1::uuid[]) AS done
