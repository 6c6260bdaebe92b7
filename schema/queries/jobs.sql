-- A page of jobs, newest first.
-- Caller: Store.jobs, and runtime.client, JobWork.list; in a transaction with plan_freely.sql: planned
--         for the filters that are given.
-- Takes:  $1 to $18 the filter; $19 the last id of the page before, or NULL; $20 how many at most.
-- Locks:  none.  Index: job_pkey backwards, or the partial index of the state.
SELECT
    /* part: job_columns */
FROM job LEFT JOIN node ON node.id = job.node_id
WHERE
/* part: job_filter */
AND ($19::uuid IS NULL OR job.id < $19::uuid)
ORDER BY job.id DESC
LIMIT $20::integer
