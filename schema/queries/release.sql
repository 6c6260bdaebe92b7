-- Give claimed but unstarted runs back, uncounted, to their place in the queue.
-- Caller: Store.release.
-- Takes:  by run: $1 ids, $2 run numbers.
-- Locks:  job rows, in order of id.
-- Index:  job_pkey.
-- Plan:   Nested Loop of the runs, sorted, and Index Scan using job_pkey.
--         The state is compared as text, so that the planner does not take job_running: read whole
--         for each ack, that is quadratic.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Counts: what it writes, by itself; see migration 017_job_count.
-- Rows:   one: how many were given back.
WITH given AS MATERIALIZED (
    SELECT run.id, run.run_number
    FROM unnest($1::uuid[], $2::integer[]) AS run (id, run_number)
    ORDER BY run.id
), held AS MATERIALIZED (
    SELECT given.id, given.run_number, standing.wanted_state, standing.paused
    FROM given CROSS JOIN LATERAL (
        SELECT
            job.paused_at IS NOT NULL AS paused,
            CASE
                WHEN job.cancel_requested_at IS NOT NULL AND clean_up_due(job.id) IS NULL
                THEN 'cancelled'
                ELSE 'available'
            END AS wanted_state
        FROM job
        WHERE job.id = ANY (ARRAY[given.id]) AND job.run_number = given.run_number
        AND job.state::text = 'running'
        FOR UPDATE
    ) AS standing
), released AS (
    UPDATE job
    SET state = CASE
            WHEN held.paused AND held.wanted_state = 'available' THEN 'pending'
            ELSE held.wanted_state
        END::job_state,
        paused_from = CASE WHEN held.paused THEN held.wanted_state END::job_state,
        finalized_at = CASE WHEN held.wanted_state = 'cancelled' THEN now() END,
        attempt = job.attempt - 1,
        node_id = NULL
    FROM held
    WHERE job.id = ANY (ARRAY[held.id])
    AND job.run_number = held.run_number AND job.state::text = 'running'
    AND (SELECT set_config('hr.counts', 'own', true)) IS NOT NULL
    RETURNING
        job.id, job.queue, job.state,
        CASE
            WHEN job.state = 'available' THEN pg_notify(current_schema() || '.wakeup', job.queue)
        END
), counted AS (
    INSERT INTO job_count (queue, state, jobs)
    SELECT ended.queue, change.state, change.jobs
    FROM (
        SELECT released.queue, released.state, count(*) AS jobs
        FROM released
        GROUP BY released.queue, released.state
    ) AS ended
    CROSS JOIN LATERAL (
        VALUES ('running'::job_state, -ended.jobs), (ended.state, ended.jobs)
    ) AS change (state, jobs)
)
SELECT
    count(*) AS released,
    notify_finished(array_agg(released.id) FILTER (WHERE released.state = 'cancelled')) AS notified,
    tell_workflows(array_agg(released.id) FILTER (WHERE released.state = 'cancelled')) AS told
FROM released
