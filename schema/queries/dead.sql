-- A page of discarded jobs, those that were discarded first first.
-- Caller: runtime.client, DeadWork.export; in a transaction with plan_freely.sql.
-- Takes:  $1 to $18 the filter; $19 and $20 when the last job of the page before was discarded, and its
--         id, or NULLs; $21 how many at most.
-- Locks:  none.
-- Index:  job_finalized, a range.
SELECT
    /* part: job_columns */
FROM (
    SELECT *
    FROM job
    WHERE job.state = 'discarded' AND job.finalized_at IS NOT NULL
    AND ($19::timestamptz IS NULL OR job.finalized_at >= $19::timestamptz)
    AND ($20::uuid IS NULL OR (job.finalized_at, job.id) > ($19::timestamptz, $20::uuid))
    AND
/* part: job_filter */
    ORDER BY job.finalized_at, job.id
    LIMIT $21::integer
) AS job
LEFT JOIN node ON node.id = job.node_id
ORDER BY job.finalized_at, job.id
