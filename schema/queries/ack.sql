-- Write the outcomes of runs, whatever they are.
-- Caller: Store.ack.
-- Takes:  by ack: $1 ids, $2 run numbers, $3 next states, $4 delays in seconds (NULL: the job keeps its
--         place in the queue), $5 whether the attempt counts, $6 outputs (JSON text or NULL); and of
--         its failure, NULLs where there is none: $7 error classes, $8 messages, $9 traces, $10 pids,
--         $11 exit statuses, $12 signals; $13 whether it is charged to the crash budget, NULL: which is
--         as new; and what the run used, NULLs where that is not known: $14 wall and $15 CPU seconds, $16 peak KiB.
-- Locks:  job rows, in order of id; then, by the foreign key, the same rows again.
-- Index:  job_pkey; node_pkey for the name of the node in a failure.
-- Plan:   Nested Loop of the acks, sorted, and Index Scan using job_pkey.
--         The state is compared as text, so that the planner does not take job_running: read whole
--         for each ack, that is quadratic.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: counts of what was written, the parents of what has ended, and the places, from 1, of those
--         that came too late.
-- Counts: what it writes, by itself; see migration 017_job_count.
-- A job whose cancellation was requested meanwhile is cancelled, whatever its run has come to; but a workflow that
-- cleans up goes on until it has. If it was not told yet, it runs again at once, to be told; also if it was killed
-- before. The deadline of such a one that has come is moved to expired_at. A paused one waits for its resumption.
WITH given AS MATERIALIZED (
    SELECT DISTINCT ON (ack.id, ack.run_number) *
    FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::double precision[], $5::boolean[], $6::text[],
        $7::text[], $8::text[], $9::text[], $10::integer[], $11::integer[], $12::text[],
        $13::boolean[], $14::real[], $15::real[], $16::integer[]
    ) WITH ORDINALITY AS ack (
        id, run_number, state, delay_seconds, counted, output,
        error_class, message, trace, pid, exit_status, signal,
        crashed, wall_seconds, cpu_seconds, peak_rss_kib, place
    )
    ORDER BY ack.id, ack.run_number, ack.place
), decided AS MATERIALIZED (
    SELECT
        given.*,
        held.node_id,
        held.attempt AS run_attempt,
        held.cleans,
        held.expired,
        held.paused,
        CASE
            WHEN held.cleans IS NULL AND held.cancelled THEN 'cancelled'
            WHEN held.cleans AND held.unaware AND (
                given.state IN ('available', 'scheduled', 'pending', 'retryable')
                OR given.signal IS NOT NULL OR given.error_class IN ('JobCancelled', 'Expired')
            )
            THEN 'available'
            WHEN held.cancelled AND given.state IN ('completed', 'discarded') THEN 'cancelled'
            WHEN given.state = 'pending' AND held.sequence THEN 'scheduled' -- it holds its key
            ELSE given.state
        END::job_state AS wanted_state
    FROM given CROSS JOIN LATERAL (
        SELECT
            job.node_id, job.attempt, job.sequence,
            job.cancel_requested_at IS NOT NULL AS cancelled,
            job.expires_at <= now() AS expired,
            job.paused_at IS NOT NULL AS paused,
            job.expires_at <= now() OR job.cancel_requested_at >= job.attempted_at AS unaware,
            CASE
                WHEN job.cancel_requested_at IS NOT NULL OR job.expires_at <= now()
                THEN clean_up_due(job.id)
            END AS cleans
        FROM job
        WHERE job.id = given.id AND job.run_number = given.run_number
        AND job.state::text = 'running'
        FOR UPDATE
    ) AS held
), settled AS MATERIALIZED (
    SELECT
        decided.*,
        CASE
            WHEN decided.paused AND decided.wanted_state IN ('available', 'scheduled', 'retryable')
            THEN 'pending'
            ELSE decided.wanted_state
        END::job_state AS next_state
    FROM decided
), written AS (
    UPDATE job
    SET state = settled.next_state,
        finalized_at = CASE
            WHEN settled.next_state IN ('completed', 'cancelled', 'discarded') THEN now()
        END,
        scheduled_at = CASE
            WHEN settled.next_state IN ('completed', 'cancelled', 'discarded') THEN job.scheduled_at
            WHEN settled.wanted_state = 'scheduled' AND settled.state = 'pending'
            THEN now() + interval '100 years'
            WHEN settled.delay_seconds IS NULL THEN job.scheduled_at
            WHEN settled.cleans AND settled.wanted_state = 'available' THEN now()
            ELSE now() + make_interval(secs => settled.delay_seconds)
        END,
        attempt = job.attempt - CASE WHEN settled.counted THEN 0 ELSE 1 END,
        output = settled.output::jsonb,
        node_id = NULL,
        paused_from = CASE
            WHEN settled.paused AND settled.next_state = 'pending' THEN settled.wanted_state
        END,
        expired_at = CASE
            WHEN settled.expired AND settled.cleans IS NOT NULL THEN job.expires_at
            ELSE job.expired_at
        END,
        expires_at = CASE
            WHEN settled.expired AND settled.cleans IS NOT NULL THEN NULL
            ELSE job.expires_at
        END,
        crashes = CASE
            WHEN settled.crashed IS NULL THEN 0
            WHEN settled.crashed THEN least(job.crashes + 1, 32767)
            ELSE job.crashes
        END,
        wall_seconds = settled.wall_seconds,
        cpu_seconds = settled.cpu_seconds,
        peak_rss_kib = settled.peak_rss_kib
    FROM settled
    WHERE job.id = ANY (ARRAY[settled.id])
    AND (SELECT set_config('hr.counts', 'own', true)) IS NOT NULL
    RETURNING
        job.id, job.queue, job.state, job.parent_id, settled.place,
        settled.error_class IS NOT NULL AS failed,
        CASE
            WHEN job.state IN ('completed', 'cancelled', 'discarded') THEN NULL
            WHEN settled.error_class IS NOT NULL THEN 'failed'
            WHEN settled.delay_seconds IS NOT NULL THEN 'snoozed' -- emit_events tells it from suspended
            WHEN settled.state = 'pending' THEN 'suspended'
        END AS event,
        CASE
            WHEN job.state IN ('scheduled', 'retryable') THEN settled.delay_seconds
        END AS due_seconds,
        CASE
            WHEN job.state = 'available' THEN pg_notify(current_schema() || '.wakeup', job.queue)
            WHEN job.state IN ('scheduled', 'retryable') AND settled.delay_seconds <= 10
            THEN pg_notify(current_schema() || '.due', '')
        END
), counted AS (
    INSERT INTO job_count (queue, state, jobs)
    SELECT ended.queue, change.state, change.jobs
    FROM (
        SELECT written.queue, written.state, count(*) AS jobs
        FROM written
        GROUP BY written.queue, written.state
    ) AS ended
    CROSS JOIN LATERAL (
        VALUES ('running'::job_state, -ended.jobs), (ended.state, ended.jobs)
    ) AS change (state, jobs)
), failed AS (
    INSERT INTO failure (
        job_id, run_number, attempt, node, error_class, message, trace, pid, exit_status, signal,
        wall_seconds, cpu_seconds, peak_rss_kib
    )
    SELECT
        decided.id, decided.run_number, decided.run_attempt, node.name, decided.error_class,
        decided.message, decided.trace, decided.pid, decided.exit_status, decided.signal,
        decided.wall_seconds, decided.cpu_seconds, decided.peak_rss_kib
    FROM decided LEFT JOIN node ON node.id = decided.node_id
    WHERE decided.error_class IS NOT NULL
    RETURNING failure.job_id
), total AS (
    SELECT
        count(*) AS written,
        count(*) FILTER (
            WHERE written.failed AND written.state IN ('available', 'scheduled', 'retryable')
        ) AS retried,
        count(*) FILTER (WHERE written.state = 'discarded') AS discarded,
        count(*) FILTER (WHERE written.state = 'cancelled') AS cancelled,
        min(written.due_seconds) AS next_due_seconds,
        array_agg(written.id) FILTER (
            WHERE written.state IN ('completed', 'cancelled', 'discarded')
        ) AS finished,
        array_agg(written.parent_id) FILTER (
            WHERE written.parent_id IS NOT NULL
            AND written.state IN ('completed', 'cancelled', 'discarded')
        ) AS parents,
        array_agg(written.id) FILTER (WHERE written.event IS NOT NULL) AS going_on,
        array_agg(written.event) FILTER (WHERE written.event IS NOT NULL) AS events
    FROM written
)
SELECT
    total.written, total.retried, total.discarded, total.cancelled, total.next_due_seconds,
    total.parents,
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
    CASE WHEN total.finished IS NOT NULL THEN notify_finished(total.finished) END AS notified,
    CASE WHEN total.events IS NOT NULL THEN emit_events(total.going_on, total.events) END AS emitted
FROM total CROSS JOIN (SELECT count(*) FROM failed) AS kept -- the failures, for events to tell of
