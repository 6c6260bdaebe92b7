-- All failures, in the order of the runs of a job.
-- Caller: scripts/chaos.
-- Locks:  none.  Plan: reads the whole table.
-- Rows:   one a failure; `age` is how many seconds before this statement it was written.
SELECT
    failure.job_id, failure.run_number, failure.attempt, failure.error_class,
    extract(epoch FROM statement_timestamp() - failure.failed_at)::double precision AS age
FROM failure
ORDER BY failure.job_id, failure.run_number
