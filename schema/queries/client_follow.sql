-- How a job stands, and what its run has told since its follower last looked.
-- Caller: runtime.client; one row if the job exists.
-- Takes: $1 the job's id; $2 run number and $3 line up to which the log is known; $4 stored_at of the
-- stored value that is known, or NULL.  Locks: none.  Index: job_pkey, note_pkey, log_pkey.
-- Rows:  one, or none. Lines: a JSON array of what log rows hold, with their run and last line.
SELECT
    CAST(job.state AS text) AS state,
    job.kind,
    job.attempt,
    job.max_attempts,
    job.run_number,
    note.progress,
    note.message,
    note.stored_at,
    CASE
        WHEN CAST($4 AS timestamptz) IS NULL OR note.stored_at > CAST($4 AS timestamptz)
        THEN CAST(note.stored AS text)
    END AS stored,
    CAST(told.lines AS text) AS lines,
    failure.error_class,
    failure.message AS error
FROM headrace.job
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN known.run_number = job.run_number THEN known.progress END AS progress,
        CASE WHEN known.run_number = job.run_number THEN known.message END AS message,
        known.stored_at,
        known.stored
    FROM headrace.note AS known
    WHERE known.job_id = job.id
) AS note ON true
LEFT JOIN LATERAL (
    SELECT failure.error_class, left(failure.message, 1000) AS message
    FROM headrace.failure
    WHERE failure.job_id = job.id AND failure.run_number = job.run_number
) AS failure ON true
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object('run', log.run_number, 'last', log.last_line, 'lines', log.lines)
        ORDER BY log.run_number, log.last_line
    ) AS lines
    FROM headrace.log
    WHERE log.job_id = job.id
    AND (log.run_number, log.last_line) > (CAST($2 AS integer), CAST($3 AS integer))
) AS told ON true
WHERE job.id = CAST($1 AS uuid)
