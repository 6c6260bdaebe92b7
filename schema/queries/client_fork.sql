-- Add a job that has the first steps of another behind it, and runs from there on.
-- Caller: runtime.client.
-- Takes: $1 the other's id, $2 its own, $3 its args, $4 the number of the operation to begin at, $5 the
-- channel of wakeups.  Locks: those of INSERT.  Index: job_pkey, step_pkey.
-- Rows:  one: whether it was added; it is not, if it was there.
-- Its run number is that of a job that ran before: so its first run asks for what is recorded. It is
-- neither unique nor in a sequence, since the other may still be.
WITH made AS (
    INSERT INTO headrace.job (
        id, kind, queue, args, priority, max_attempts, timeout_seconds, metadata, tags, key, run_number
    )
    SELECT
        CAST($2 AS uuid), job.kind, job.queue, CAST(CAST($3 AS text) AS jsonb), job.priority,
        job.max_attempts, job.timeout_seconds,
        job.metadata
        || jsonb_build_object('forked_from', job.id, 'forked_at', CAST($4 AS integer)),
        job.tags, job.key, 1
    FROM headrace.job
    WHERE job.id = CAST($1 AS uuid)
    ON CONFLICT (id) DO NOTHING
    RETURNING job.id, job.queue
), kept AS MATERIALIZED (
    SELECT step.*
    FROM headrace.step
    WHERE step.job_id = CAST($1 AS uuid) AND step.done
    AND CAST(split_part(step.place, '.', 1) AS integer) < CAST($4 AS integer)
    AND step.place <> '0.0.1'  -- it was told that it is cancelled; the new one was not
), copied AS (
    INSERT INTO headrace.step (
        job_id, place, op, name, done, output, error, attempts, run_number, node, seconds, mode,
        until, max_in_flight, began_at, recorded_at
    )
    SELECT
        made.id, kept.place, kept.op, kept.name, kept.done, kept.output, kept.error, kept.attempts,
        1, kept.node, kept.seconds, kept.mode, kept.until, kept.max_in_flight, kept.began_at,
        kept.recorded_at
    FROM made CROSS JOIN kept
), shown AS (
    INSERT INTO headrace.published (job_id, key, value, published_at)
    SELECT DISTINCT ON (kept.name) made.id, kept.name, coalesce(kept.output, CAST('null' AS json)), kept.recorded_at
    FROM made CROSS JOIN kept
    WHERE kept.op = 'publish'
    ORDER BY kept.name, CAST(string_to_array(kept.place, '.') AS integer[]) DESC
)
SELECT
    count(*) > 0 AS inserted,
    count(pg_notify(CAST($5 AS text), made.queue)) AS told
FROM made
