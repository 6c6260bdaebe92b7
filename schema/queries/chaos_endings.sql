-- Finished jobs that are no traced ones, and their failures.
-- Caller: scripts/chaos.
-- Locks:  none.  Plan: reads both tables.
-- Rows:   one a failure, in the order of the runs of a job; one, of NULLs, for a job without any. `age`
--         is how many seconds before this statement the failure was written.
SELECT
    job.id, job.kind, job.state::text AS state,
    failure.run_number, failure.error_class, failure.message, failure.trace, failure.pid,
    failure.exit_status, failure.signal,
    extract(epoch FROM statement_timestamp() - failure.failed_at)::double precision AS age
FROM job LEFT JOIN failure ON failure.job_id = job.id
WHERE job.kind <> 'traced' AND job.finalized_at IS NOT NULL
ORDER BY job.id, failure.run_number
