-- A page of discarded jobs, those that were discarded first first.
-- Caller: runtime.client, DeadWork.export; in a transaction with plan_freely.sql.
-- Takes:  $1 to $17 the filter; $18 and $19 when the last job of the page before was discarded, and its
--         id, or NULLs; $20 how many at most.
-- Locks:  none.
-- Index:  job_finalized, a range.
SELECT
    /* part: job_columns */
FROM (
    SELECT *
    FROM job
    WHERE job.state = 'discarded' AND job.finalized_at IS NOT NULL
    AND ($18::timestamptz IS NULL OR job.finalized_at >= $18::timestamptz)
    AND ($19::uuid IS NULL OR (job.finalized_at, job.id) > ($18::timestamptz, $19::uuid))
    AND
/* part: job_filter */
    ORDER BY job.finalized_at, job.id
    LIMIT $20::integer
) AS job
LEFT JOIN node ON node.id = job.node_id
ORDER BY job.finalized_at, job.id
