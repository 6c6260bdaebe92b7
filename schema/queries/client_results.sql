-- How far jobs have come, and what a finished one left: its output or its last failure; of a
-- cancelled one the reason that was given, if any.
-- Caller: runtime.client, as client_enqueue.sql; one row for each job that exists.
-- Takes: $1 ids, with commas between.  Locks: none.  Index: job_pkey, failure_pkey.
SELECT
    CAST(job.id AS text) AS id,
    CAST(job.state AS text) AS state,
    CASE WHEN job.state = 'completed' THEN CAST(job.output AS text) END AS output,
    CASE
        WHEN job.state = 'cancelled' AND job.cancel_reason IS NOT NULL THEN 'JobCancelled'
        ELSE failure.error_class
    END AS error_class,
    CASE
        WHEN job.state = 'cancelled' AND job.cancel_reason IS NOT NULL THEN job.cancel_reason
        ELSE failure.message
    END AS message,
    failure.trace,
    job.kind
FROM headrace.job
LEFT JOIN LATERAL (
    SELECT failure.error_class, failure.message, failure.trace
    FROM headrace.failure
    WHERE failure.job_id = job.id AND job.state IN ('cancelled', 'discarded')
    ORDER BY failure.run_number DESC
    LIMIT 1
) AS failure ON true
WHERE job.id = ANY (CAST(string_to_array(CAST($1 AS text), ',') AS uuid[]))
