-- Record a workflow's step inside its function's own transaction: both exist, or neither does.
-- Caller: runtime.client.stepping, on connections of users, as client_enqueue.sql.
-- Takes: $1 a JSON object: id, run_number, place, name, output, seconds.
-- Locks: the job's row FOR SHARE, until the caller's commit: no outcome of the run can be written beside it.
-- Index: job_pkey, step_pkey. = ANY (ARRAY[id]), and the state as text: see ack_completed.sql.
-- Rows:  one: how many were written; if none, how the job stands (NULLs: there is no such job).
-- A cancellation that was requested before wins.
WITH asked AS MATERIALIZED (
    SELECT run.id, run.run_number, run.place, run.name, run.output, run.seconds
    FROM json_to_record(CAST(CAST($1 AS text) AS json))
        AS run (id uuid, run_number integer, place text, name text, output json, seconds real)
), held AS MATERIALIZED (
    SELECT locked.node
    FROM asked
    CROSS JOIN LATERAL (
        SELECT (SELECT node.name FROM headrace.node WHERE node.id = job.node_id) AS node
        FROM headrace.job
        WHERE job.id = ANY (ARRAY[asked.id])
        AND job.run_number = asked.run_number AND CAST(job.state AS text) = 'running'
        AND job.cancel_requested_at IS NULL
        FOR SHARE
    ) AS locked
), written AS (
    INSERT INTO headrace.step (
        job_id, place, op, name, done, output, run_number, node, seconds
    )
    SELECT
        asked.id, asked.place, 'transaction', asked.name, true, asked.output, asked.run_number,
        held.node, asked.seconds
    FROM asked CROSS JOIN held
    RETURNING step.job_id
)
SELECT
    count(written.job_id) AS written,
    max(CAST(job.state AS text)) AS state,
    max(job.run_number) AS run_number,
    bool_or(job.cancel_requested_at IS NOT NULL) AS cancelled
FROM asked
LEFT JOIN written ON written.job_id = asked.id
LEFT JOIN headrace.job ON job.id = ANY (ARRAY[asked.id])
