-- A page of final jobs, those that ended last first.
-- Caller: runtime.client, JobWork.list; in a transaction with plan_freely.sql.
-- Takes:  $1 to $18 the filter; $19 the final states of it; $20 and $21 when the last job of the page
--         before ended, and its id, or NULLs; $22 how many at most.
-- Locks:  none.
-- Index:  job_finalized, backwards, a range a state.
SELECT
    /* part: job_columns */
FROM unnest($19::job_state[]) AS final (state)
CROSS JOIN LATERAL (
    SELECT *
    FROM job
    WHERE job.state = final.state AND job.finalized_at IS NOT NULL
    AND ($20::timestamptz IS NULL OR job.finalized_at <= $20::timestamptz)
    AND ($21::uuid IS NULL OR (job.finalized_at, job.id) < ($20::timestamptz, $21::uuid))
    AND
/* part: job_filter */
    ORDER BY job.finalized_at DESC, job.id DESC
    LIMIT $22::integer
) AS job
LEFT JOIN node ON node.id = job.node_id
ORDER BY job.finalized_at DESC, job.id DESC
LIMIT $22::integer
