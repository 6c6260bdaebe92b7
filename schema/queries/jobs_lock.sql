-- Lock the next jobs that a filter means, in the order of their ids, so that they can be changed.
-- Caller: runtime.client, jobs_bulk, in the transaction of a batch, after plan_freely.sql.
-- Takes:  as jobs_match.sql.
-- Locks:  job rows, in order of id, as ack.sql does; claims and the like skip them meanwhile.
-- Index:  job_pkey, or as the filter has it; then job_pkey.
-- Rows:   one a job that was found, in order; its state is NULL if the filter means it no more, for
--         another transaction changed it just before it was locked.
WITH found AS MATERIALIZED (
    SELECT job.id
    FROM job
    WHERE
/* part: job_filter */
    AND ($19::uuid IS NULL OR job.id > $19::uuid)
    AND job.created_at <= $20::timestamptz
    ORDER BY job.id
    LIMIT $21::integer
)
SELECT found.id, locked.state::text
FROM found LEFT JOIN LATERAL (
    SELECT job.state
    FROM job
    WHERE job.id = ANY (ARRAY[found.id])
    AND
/* part: job_filter */
    FOR UPDATE
) AS locked ON true
