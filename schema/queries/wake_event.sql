-- Make jobs available that wait for an event, if it was emitted: at most $2 of them.
-- Caller: Store.wake_event, until there are none left.
-- Takes:  $1 the event's name, $2 how many at most.
-- Locks:  the jobs' rows, SKIP LOCKED.
-- Index:  happening_pkey, step_waiting, job_pkey.
-- Rows:   one: how many.
SELECT coalesce((
    SELECT looked.woken
    FROM wake_jobs(ARRAY(
        SELECT step.job_id
        FROM step
        JOIN job ON job.id = ANY (ARRAY[step.job_id]) AND job.state::text IN ('pending', 'scheduled')
        WHERE NOT step.done AND step.op = 'event' AND step.name = $1::text
        AND EXISTS (SELECT FROM happening WHERE happening.name = $1::text)
        LIMIT $2::integer
    )) AS looked
), 0) AS woken
