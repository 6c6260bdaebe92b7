-- Cancel jobs: at once; or, while they run, by asking their nodes to; or by having them clean up, if they are
-- workflows that do. Final ones stay as they are.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids; $2 the reason, or NULL: the first that is given is kept; $3 whether to end them without clean-up.
-- Locks:  none but those of jobs_lock.sql.  Index: job_pkey, step_pkey.
-- Rows:   one: how many were cancelled or clean up, and of how many the node was asked.
SELECT done.changed, done.asked
FROM cancel_jobs($1::uuid[], $2::text, $3::boolean) AS done
