-- Write down steps of workflows.
-- Caller: Store.record.
-- Takes:  by step: $1 jobs, $2 run numbers, $3 places, $4 ops, $5 names, $6 whether done, $7 outputs (JSON
--         text), $8 errors (the same), $9 attempts, $10 seconds that it took, $11 modes, $12 until (seconds
--         from now), $13 until (since 1970), $14 max_in_flight, $15 signals that they take, $16 whether
--         published, too. NULL: it has none.
-- Locks:  job rows FOR SHARE, in order of id: no outcome of these runs can be written beside it. Then rows
--         of step, signal and published, which only a job's own run writes.
-- Index:  job_pkey, node_pkey, step_pkey, signal_pkey, published_pkey.
-- Plan:   Nested Loop of the steps, sorted, and Index Scans.
--         = ANY (ARRAY[id]), and the state as text: see ack_completed.sql.
-- Rows:   one: the time; and of steps that were not written: job, run number, the run that has done that step
--         (0: none has, so the asking run is lost) and the place.
WITH given AS MATERIALIZED (
    SELECT DISTINCT ON (told.job_id, told.run_number, told.place COLLATE "C") *
    FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[],
        $8::text[], $9::integer[], $10::real[], $11::text[], $12::double precision[],
        $13::double precision[], $14::integer[], $15::uuid[], $16::boolean[]
    ) WITH ORDINALITY AS told (
        job_id, run_number, place, op, name, done, output, error, attempts, seconds, mode,
        until_seconds, until, max_in_flight, signal, publish, nth
    )
    ORDER BY told.job_id, told.run_number, told.place COLLATE "C", told.nth DESC
), held AS MATERIALIZED (
    SELECT run.job_id, run.run_number, locked.node
    FROM (
        SELECT DISTINCT given.job_id, given.run_number FROM given ORDER BY 1, 2
    ) AS run
    CROSS JOIN LATERAL (
        SELECT (SELECT node.name FROM node WHERE node.id = job.node_id) AS node
        FROM job
        WHERE job.id = ANY (ARRAY[run.job_id]) AND job.run_number = run.run_number
        AND job.state::text = 'running'
        FOR SHARE
    ) AS locked
), fenced AS MATERIALIZED (
    SELECT given.*, held.node
    FROM given
    JOIN held ON held.job_id = given.job_id AND held.run_number = given.run_number
), written AS (
    INSERT INTO step (
        job_id, place, op, name, done, output, error, attempts, run_number, node, seconds, mode,
        until, max_in_flight
    )
    SELECT
        fenced.job_id, fenced.place, fenced.op, fenced.name, fenced.done, fenced.output::json,
        fenced.error::json, fenced.attempts, fenced.run_number, fenced.node, fenced.seconds,
        fenced.mode,
        coalesce(
            to_timestamp(fenced.until),
            clock_timestamp() + make_interval(secs => fenced.until_seconds)
        ),
        fenced.max_in_flight
    FROM fenced
    ON CONFLICT (job_id, place) DO UPDATE SET
        op = excluded.op,
        name = excluded.name,
        done = excluded.done,
        output = excluded.output,
        error = excluded.error,
        attempts = excluded.attempts,
        run_number = excluded.run_number,
        node = excluded.node,
        seconds = excluded.seconds,
        mode = excluded.mode,
        until = excluded.until,
        max_in_flight = excluded.max_in_flight,
        recorded_at = excluded.recorded_at
    WHERE NOT step.done
    RETURNING step.job_id, step.run_number, step.place
), taken AS (
    UPDATE signal
    SET taken_at = clock_timestamp(), place = fenced.place
    FROM fenced
    WHERE fenced.signal IS NOT NULL
    AND signal.job_id = ANY (ARRAY[fenced.job_id]) AND signal.id = fenced.signal
    AND signal.taken_at IS NULL
), told AS (
    INSERT INTO published (job_id, key, value)
    SELECT DISTINCT ON (fenced.job_id, fenced.name)
        fenced.job_id, fenced.name, coalesce(fenced.output, 'null')::json
    FROM fenced
    WHERE fenced.publish
    ORDER BY fenced.job_id, fenced.name, fenced.nth DESC
    ON CONFLICT (job_id, key) DO UPDATE SET
        value = excluded.value, published_at = excluded.published_at
    RETURNING published.job_id
), total AS (
    SELECT
        (SELECT count(*) FROM written) AS written,
        (SELECT array_agg(told.job_id) FROM told) AS told
)
SELECT
    extract(epoch FROM clock_timestamp())::double precision AS now,
    CASE
        WHEN total.written < cardinality($1)
        THEN ARRAY(
            SELECT concat_ws(' ', given.job_id, given.run_number, coalesce(step.run_number, 0), given.place)
            FROM given
            LEFT JOIN step
                ON step.job_id = given.job_id AND step.place = given.place AND step.done
            WHERE NOT EXISTS (
                SELECT FROM written
                WHERE written.job_id = given.job_id AND written.run_number = given.run_number
                AND written.place = given.place
            )
        )
    END AS unwritten,
    CASE WHEN total.told IS NOT NULL THEN notify_noted(total.told) END AS notified
FROM total
