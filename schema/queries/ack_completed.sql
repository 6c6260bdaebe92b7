-- Write the outcomes of runs that completed.
-- Caller: Store.ack, for the acks that say no more than that: nearly all.
-- Takes:  by ack: $1 ids, $2 run numbers, $3 outputs (JSON text or NULL); what the run used, NULLs
--         where that is not known: $4 wall and $5 CPU seconds, $6 peak KiB.
-- Locks:  job rows, in order of id, as in ack.sql and release.sql, so that they cannot deadlock.
-- Index:  job_pkey.
-- Plan:   Nested Loop of the acks, sorted, and Index Scan using job_pkey.
--         The state is compared as text, so that the planner does not take job_running: read whole
--         for each ack, that is quadratic.
--         A row is named by = ANY (ARRAY[id]), not = id: an equality could be merged, so the planner
--         would weigh reading job_pkey whole in its order, and on an empty table choose that for good.
-- A job whose cancellation was requested meanwhile is cancelled, whatever its handler returned.
-- Rows:   one: how many were written, and cancelled; the parents of all; and of the rest, which came too late, their places from 1.
WITH given AS MATERIALIZED (
    SELECT DISTINCT ON (ack.id, ack.run_number) *
    FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::real[], $5::real[], $6::integer[]
    ) WITH ORDINALITY AS ack (
        id, run_number, output, wall_seconds, cpu_seconds, peak_rss_kib, place
    )
    ORDER BY ack.id, ack.run_number, ack.place
), written AS (
    UPDATE job
    SET state = CASE
            WHEN job.cancel_requested_at IS NULL THEN 'completed' ELSE 'cancelled'
        END::job_state,
        finalized_at = now(),
        output = given.output::jsonb,
        node_id = NULL,
        wall_seconds = given.wall_seconds,
        cpu_seconds = given.cpu_seconds,
        peak_rss_kib = given.peak_rss_kib
    FROM given
    WHERE job.id = ANY (ARRAY[given.id])
    AND job.run_number = given.run_number AND job.state::text = 'running'
    RETURNING job.id, given.place, job.cancel_requested_at, job.parent_id
), total AS (
    SELECT
        count(*) AS written,
        count(written.cancel_requested_at) AS cancelled,
        array_agg(written.parent_id) FILTER (WHERE written.parent_id IS NOT NULL) AS parents,
        CASE WHEN count(*) > 0 THEN notify_finished(array_agg(written.id)) END AS notified
    FROM written
)
SELECT
    total.written, total.cancelled, total.parents,
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
