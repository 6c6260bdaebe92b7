-- A page of jobs, newest first.
-- Caller: Store.jobs, and runtime.client, JobWork.list; in a transaction with plan_freely.sql: planned
--         for the filters that are given.
-- Takes:  $1 to $17 the filter; $18 the last id of the page before, or NULL; $19 how many at most.
-- Locks:  none.  Index: job_pkey backwards, or the partial index of the state.
SELECT
    /* part: job_columns */
FROM job LEFT JOIN node ON node.id = job.node_id
WHERE
/* part: job_filter */
AND ($18::uuid IS NULL OR job.id < $18::uuid)
ORDER BY job.id DESC
LIMIT $19::integer
