-- Complete a job inside its handler's own transaction: both exist, or neither does.
-- Caller: runtime.client.completion, on connections of users, as client_enqueue.sql.
-- Takes: $1 a JSON object: id, run_number, output, wall_seconds.  Locks: the job's row, until the caller's commit.
-- Index: job_pkey. = ANY (ARRAY[id]), and the state as text: see ack_completed.sql.
-- Rows:  one: how many were completed; if none, how the job stands (NULLs: there is no such job).
-- A cancellation that was requested before wins. The time is the clock's: the caller's transaction may
-- have begun long ago.
WITH asked AS MATERIALIZED (
    SELECT run.id, run.run_number, run.output, run.wall_seconds
    FROM json_to_record(CAST(CAST($1 AS text) AS json))
        AS run (id uuid, run_number integer, output json, wall_seconds real)
), written AS (
    UPDATE headrace.job
    SET state = 'completed',
        finalized_at = clock_timestamp(),
        output = CAST(asked.output AS jsonb),
        wall_seconds = asked.wall_seconds,
        cpu_seconds = NULL,  -- not known before the run has ended
        peak_rss_kib = NULL,
        node_id = NULL
    FROM asked
    WHERE job.id = ANY (ARRAY[asked.id])
    AND job.run_number = asked.run_number AND CAST(job.state AS text) = 'running'
    AND job.cancel_requested_at IS NULL
    RETURNING job.id
)
SELECT
    count(written.id) AS written,
    max(CAST(job.state AS text)) AS state,
    max(job.run_number) AS run_number,
    bool_or(job.cancel_requested_at IS NOT NULL) AS cancelled,
    CASE
        WHEN count(written.id) > 0
        THEN
            headrace.notify_finished(array_agg(written.id))
            + headrace.tell_workflows(array_agg(written.id))
    END AS notified
FROM asked
LEFT JOIN written ON written.id = asked.id
LEFT JOIN headrace.job ON job.id = ANY (ARRAY[asked.id])
