-- Cancel a job: at once; or, while it runs, by asking its node to; or by having it clean up, if it is a workflow
-- that does. A final one stays as it is.
-- Caller: Store.cancel, and runtime.client, which then read the job.
-- Takes:  $1 id; $2 the reason or NULL: the first one is kept; $3 whether to end it without clean-up.
-- Locks:  the job's row.  Index: job_pkey, step_pkey.
-- Rows:   one: whether it was cancelled, and whether its node was asked.
SELECT done.changed, done.asked
FROM cancel_jobs(ARRAY[$1::uuid], $2::text, $3::boolean) AS done
