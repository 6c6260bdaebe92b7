-- Write the outcomes of runs that completed.
-- Caller: Store.ack, for the acks that say no more than that: nearly all.
-- Takes:  by ack: $1 ids, $2 run numbers, $3 outputs (JSON text or NULL); what the run used, -1
--         where that is not known: $4 wall and $5 CPU seconds, $6 peak KiB. Those without NULLs are
--         taken from their arrays by place: to unnest and sort them costs thrice as much.
-- Locks:  job rows, in order of id, as in ack.sql and release.sql, so that they cannot deadlock.
-- Index:  job_pkey.
-- Plan:   Nested Loop of the acks, sorted, and Index Scan using job_pkey.
--         The state is compared as text, so that the planner does not take job_running: read whole
--         for each ack, that is quadratic.
--         A row is named by = ANY (ARRAY[id]), not = id: an equality could be merged, so the planner
--         would weigh reading job_pkey whole in its order, and on an empty table choose that for good.
-- Counts: what it writes, by itself; see migration 017_job_count.
-- A job whose cancellation was requested meanwhile is cancelled, whatever its handler returned.
-- Rows:   one: how many were written, and cancelled; the parents of all; and of the rest, which came too late, their places from 1.
WITH given AS MATERIALIZED (
    SELECT ack.id, ack.output, ack.place::integer AS place
    FROM unnest($1::uuid[], $3::text[]) WITH ORDINALITY AS ack (id, output, place)
    ORDER BY ack.id, ack.place -- of two for one run, the first is written
), written AS (
    UPDATE job
    SET state = CASE
            WHEN job.cancel_requested_at IS NULL THEN 'completed' ELSE 'cancelled'
        END::job_state,
        finalized_at = now(),
        output = given.output::jsonb,
        node_id = NULL,
        wall_seconds = nullif(($4::real[])[given.place], -1),
        cpu_seconds = nullif(($5::real[])[given.place], -1),
        peak_rss_kib = nullif(($6::integer[])[given.place], -1)
    FROM given
    WHERE job.id = ANY (ARRAY[given.id])
    AND job.run_number = ($2::integer[])[given.place] AND job.state::text = 'running'
    AND (SELECT set_config('hr.counts', 'own', true)) IS NOT NULL
    RETURNING job.id, job.queue, given.place, job.cancel_requested_at, job.parent_id
), ended AS MATERIALIZED (
    SELECT
        written.queue,
        count(*) AS jobs,
        count(written.cancel_requested_at) AS cancelled,
        array_agg(written.id) AS ids
    FROM written
    GROUP BY written.queue
), counted AS (
    INSERT INTO job_count (queue, state, jobs)
    SELECT ended.queue, change.state, change.jobs
    FROM ended CROSS JOIN LATERAL (
        VALUES
            ('running'::job_state, -ended.jobs),
            ('completed', ended.jobs - ended.cancelled),
            ('cancelled', ended.cancelled)
    ) AS change (state, jobs)
    WHERE change.jobs <> 0
), total AS (
    SELECT
        coalesce(sum(ended.jobs), 0)::bigint AS written,
        coalesce(sum(ended.cancelled), 0)::bigint AS cancelled,
        (
            SELECT array_agg(written.parent_id)
            FROM written
            WHERE written.parent_id IS NOT NULL
        ) AS parents,
        sum(notify_finished(ended.ids)) AS notified
    FROM ended
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
