-- A page of final jobs, those that ended last first.
-- Caller: runtime.client, JobWork.list; in a transaction with plan_freely.sql.
-- Takes:  $1 to $17 the filter; $18 the final states of it; $19 and $20 when the last job of the page
--         before ended, and its id, or NULLs; $21 how many at most.
-- Locks:  none.
-- Index:  job_finalized, backwards, a range a state.
SELECT
    /* part: job_columns */
FROM unnest($18::job_state[]) AS final (state)
CROSS JOIN LATERAL (
    SELECT *
    FROM job
    WHERE job.state = final.state AND job.finalized_at IS NOT NULL
    AND ($19::timestamptz IS NULL OR job.finalized_at <= $19::timestamptz)
    AND ($20::uuid IS NULL OR (job.finalized_at, job.id) < ($19::timestamptz, $20::uuid))
    AND
/* part: job_filter */
    ORDER BY job.finalized_at DESC, job.id DESC
    LIMIT $21::integer
) AS job
LEFT JOIN node ON node.id = job.node_id
ORDER BY job.finalized_at DESC, job.id DESC
LIMIT $21::integer
