-- The last failure of each of some jobs.
-- Caller: runtime.client, DeadWork.
-- Takes:  $1 job ids.  Locks: none.  Index: failure_pkey, backwards, a row a job.
-- Rows:   one a job that has a failure.
SELECT
    last.job_id, last.run_number, last.attempt, last.failed_at, last.error_class, last.message,
    last.trace, last.node, last.pid, last.exit_status, last.signal, last.wall_seconds,
    last.cpu_seconds, last.peak_rss_kib
FROM unnest($1::uuid[]) AS dead (id)
CROSS JOIN LATERAL (
    SELECT *
    FROM failure
    WHERE failure.job_id = dead.id
    ORDER BY failure.run_number DESC
    LIMIT 1
) AS last
