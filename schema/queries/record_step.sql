-- Write down one step of a workflow that takes no signal and publishes nothing.
-- Caller: Store.record, where nothing else has arrived. A fifth less work for the server than record_steps.sql.
-- Takes:  $1 to $14 of record.sql, of that step.
-- Locks, index, plan, rows: as record.sql.
WITH written AS (
    INSERT INTO step (
        job_id, place, op, name, done, output, error, attempts, run_number, node, seconds, mode,
        until, max_in_flight
    )
    SELECT
        $1::uuid, $3::text, $4::text, $5::text, $6::boolean, $7::text::json, $8::text::json,
        $9::integer, $2::integer, (SELECT node.name FROM node WHERE node.id = job.node_id), $10::real,
        $11::text,
        coalesce(
            to_timestamp($13::double precision),
            clock_timestamp() + make_interval(secs => $12::double precision)
        ),
        $14::integer
    FROM job
    WHERE job.id = ANY (ARRAY[$1::uuid]) AND job.run_number = $2::integer
    AND job.state::text = 'running'
    FOR SHARE
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
    RETURNING true AS yes
)
SELECT
    extract(epoch FROM clock_timestamp())::double precision AS now,
    CASE
        WHEN NOT EXISTS (SELECT FROM written)
        THEN ARRAY[concat_ws(' ', $1::uuid, $2::integer, coalesce((
            SELECT step.run_number
            FROM step
            WHERE step.job_id = $1::uuid AND step.place = $3::text AND step.done
        ), 0), $3::text)]
    END AS unwritten
