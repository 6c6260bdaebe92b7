-- Keep what runs tell of themselves: the last note, and the last lines of the log.
-- Caller: Store.note.
-- Takes:  by run: $1 ids, $2 run numbers, $3 progress, $4 messages, $5 stored values (JSON text),
--         $6 lines (a JSON array), $7 the number of the last line, $8 the first that is still kept.
--         NULL: nothing new of that.
-- Locks:  rows of note, in order of id. None of job: a note must not be in a job's way.
-- Index:  job_pkey, note_pkey, log_pkey.
-- Plan:   Nested Loop of the notes, sorted, and Index Scans.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: how many were of their job's latest run. Its end does not matter; the next run's begin
--         does. The commit is not waited for by the disk: an outcome that is written later takes
--         it along.
WITH given AS MATERIALIZED (
    SELECT told.*
    FROM unnest(
        $1::uuid[], $2::integer[], $3::double precision[], $4::text[], $5::text[], $6::text[],
        $7::integer[], $8::integer[]
    ) AS told (id, run_number, progress, message, stored, lines, last_line, kept_from)
    CROSS JOIN LATERAL (
        SELECT job.run_number FROM job WHERE job.id = ANY (ARRAY[told.id])
    ) AS held
    WHERE held.run_number = told.run_number
    ORDER BY told.id
), noted AS (
    INSERT INTO note (job_id, run_number, progress, message, stored_at, stored)
    SELECT
        given.id, given.run_number, given.progress, given.message,
        CASE WHEN given.stored IS NOT NULL THEN now() END, given.stored::jsonb
    FROM given
    WHERE num_nonnulls(given.progress, given.message, given.stored) > 0
    ORDER BY given.id
    ON CONFLICT (job_id) DO UPDATE SET
        run_number = excluded.run_number,
        noted_at = excluded.noted_at,
        progress = CASE
            WHEN note.run_number = excluded.run_number
            THEN coalesce(excluded.progress, note.progress) ELSE excluded.progress
        END,
        message = CASE
            WHEN note.run_number = excluded.run_number
            THEN coalesce(excluded.message, note.message) ELSE excluded.message
        END,
        stored_at = coalesce(excluded.stored_at, note.stored_at),
        stored = coalesce(excluded.stored, note.stored)
    WHERE note.run_number <= excluded.run_number
), logged AS (
    INSERT INTO log (job_id, run_number, last_line, lines)
    SELECT given.id, given.run_number, given.last_line, given.lines::jsonb
    FROM given
    WHERE given.lines IS NOT NULL
    ON CONFLICT (job_id, run_number, last_line) DO NOTHING
), forgotten AS (
    DELETE FROM log
    USING given
    WHERE log.job_id = ANY (ARRAY[given.id])
    AND given.lines IS NOT NULL
    AND (
        (log.run_number = given.run_number AND log.last_line < given.kept_from)
        OR log.run_number <= given.run_number - 10
    )
)
SELECT
    count(*) AS written,
    CASE WHEN count(*) > 0 THEN notify_noted(array_agg(given.id)) END AS notified,
    set_config('synchronous_commit', 'off', true) AS unwaited
FROM given
