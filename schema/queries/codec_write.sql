-- Put payloads sealed anew in the place of those that were read, if they are still the same.
-- Caller: client.codec.rotate.
-- Takes:  by job: $1 ids, $2 args as read and $3 anew, $4 output as read and $5 anew (NULLs: as it is).
-- Locks:  the jobs' rows, in order of id.  Index: job_pkey. = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: how many were written.
WITH given AS MATERIALIZED (
    SELECT fresh.*
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
        AS fresh (id, old_args, args, old_output, output)
    ORDER BY fresh.id
), written AS (
    UPDATE job
    SET args = coalesce(given.args::jsonb, job.args),
        output = coalesce(given.output::jsonb, job.output)
    FROM given
    WHERE job.id = ANY (ARRAY[given.id])
    AND (given.args IS NULL OR job.args = given.old_args::jsonb)
    AND (given.output IS NULL OR job.output = given.old_output::jsonb)
    RETURNING job.id
)
SELECT count(*) AS written FROM written
