-- Why a job's runs failed, newest first.
-- Caller: Store.get, cancel and retry.
-- Takes:  $1 job id, $2 how many at most.  Locks: none.  Index: failure_pkey.
SELECT
    run_number, attempt, failed_at, error_class, message, trace, node, pid, exit_status, signal,
    wall_seconds, cpu_seconds, peak_rss_kib
FROM failure
WHERE job_id = $1::uuid
ORDER BY run_number DESC
LIMIT $2::integer
