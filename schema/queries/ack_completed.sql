-- Write the outcomes of runs that completed.
-- Caller: Store.ack, for the acks that say no more than that: nearly all.
-- Takes:  by ack: $1 ids, $2 run numbers, $3 outputs (JSON text or NULL).
-- Locks:  job rows, in order of id, as in ack.sql and release.sql, so that they cannot deadlock.
-- Index:  job_pkey.
-- Plan:   Nested Loop of the acks, sorted, and Index Scan using job_pkey.
--         The state is compared as text, so that the planner does not take job_running: read whole
--         for each ack, that is quadratic.
--         A row is named by = ANY (ARRAY[id]), not = id: an equality could be merged, so the planner
--         would weigh reading job_pkey whole in its order, and on an empty table choose that for good.
-- Rows:   one: how many were written; and of the rest, which came too late, their places from 1.
WITH given AS MATERIALIZED (
    SELECT DISTINCT ON (ack.id, ack.run_number) *
    FROM unnest($1::uuid[], $2::integer[], $3::text[])
        WITH ORDINALITY AS ack (id, run_number, output, place)
    ORDER BY ack.id, ack.run_number, ack.place
), written AS (
    UPDATE job
    SET state = 'completed',
        finalized_at = now(),
        output = given.output::jsonb,
        node_id = NULL
    FROM given
    WHERE job.id = ANY (ARRAY[given.id])
    AND job.run_number = given.run_number AND job.state::text = 'running'
    RETURNING job.id, given.place
), total AS (
    SELECT
        count(*) AS written,
        CASE WHEN count(*) > 0 THEN notify_finished(array_agg(written.id)) END AS notified
    FROM written
)
SELECT
    total.written,
    CASE
        WHEN total.written < cardinality($1)
        THEN (
            SELECT array_agg(late.place)
            FROM (
                SELECT generate_series(1, cardinality($1)) AS place
                EXCEPT SELECT written.place FROM written
            ) AS late
        )
    END AS stale,
    total.notified
FROM total
