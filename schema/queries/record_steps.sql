-- Write down steps of workflows that take no signal and publish nothing.
-- Caller: Store.record: nearly always. Half the work for the server that record.sql is.
-- Takes:  by step: $1 to $14 of record.sql.
-- Locks, index, plan, rows: as record.sql.
WITH given AS MATERIALIZED (
    SELECT DISTINCT ON (told.job_id, told.run_number, told.place COLLATE "C") *
    FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[],
        $8::text[], $9::integer[], $10::real[], $11::text[], $12::double precision[],
        $13::double precision[], $14::integer[]
    ) WITH ORDINALITY AS told (
        job_id, run_number, place, op, name, done, output, error, attempts, seconds, mode,
        until_seconds, until, max_in_flight, nth
    )
    ORDER BY told.job_id, told.run_number, told.place COLLATE "C", told.nth DESC
), written AS (
    INSERT INTO step (
        job_id, place, op, name, done, output, error, attempts, run_number, node, seconds, mode,
        until, max_in_flight
    )
    SELECT
        given.job_id, given.place, given.op, given.name, given.done, given.output::json,
        given.error::json, given.attempts, given.run_number, held.node, given.seconds, given.mode,
        coalesce(
            to_timestamp(given.until),
            clock_timestamp() + make_interval(secs => given.until_seconds)
        ),
        given.max_in_flight
    FROM given CROSS JOIN LATERAL (
        SELECT (SELECT node.name FROM node WHERE node.id = job.node_id) AS node
        FROM job
        WHERE job.id = ANY (ARRAY[given.job_id]) AND job.run_number = given.run_number
        AND job.state::text = 'running'
        FOR SHARE
    ) AS held
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
), total AS (
    SELECT count(*) AS written FROM written
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
    END AS unwritten
FROM total
