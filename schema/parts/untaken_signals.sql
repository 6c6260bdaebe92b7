-- Signals that no step of `run` has taken, in the order in which they were sent, as a JSON array: the oldest of
-- them, 500 and 1 MiB together, and the oldest of each name for which a step is open. Who takes them all and waits
-- for more is woken at once, and told of the next ones.
-- Caller: recall.sql, recall_first.sql.
-- Index:  signal_untaken, in its order; step_open; signal_pkey. The job's id as an equality, for the order's sake.
SELECT json_agg(
    json_build_array(signal.id, signal.name, signal.value::text) ORDER BY signal.sent_at, signal.id
)::text
FROM (
    SELECT oldest.id
    FROM (
        SELECT
            untaken.id,
            sum(octet_length(untaken.value::text)) OVER (ORDER BY untaken.sent_at, untaken.id) AS bytes
        FROM (
            SELECT signal.id, signal.sent_at, signal.value
            FROM signal
            WHERE signal.job_id = run.id AND signal.taken_at IS NULL
            ORDER BY signal.sent_at, signal.id
            LIMIT 500
        ) AS untaken
    ) AS oldest
    WHERE oldest.bytes <= 1024 * 1024
    UNION
    SELECT awaited.id
    FROM step
    CROSS JOIN LATERAL (
        SELECT signal.id
        FROM signal
        WHERE signal.job_id = run.id AND signal.taken_at IS NULL AND signal.name::text = step.name
        ORDER BY signal.sent_at, signal.id
        LIMIT 1
    ) AS awaited
    WHERE step.job_id = ANY (ARRAY[run.id]) AND NOT step.done AND step.op = 'signal'
) AS told
JOIN signal ON signal.job_id = run.id AND signal.id = told.id
