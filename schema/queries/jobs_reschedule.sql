-- Give jobs that wait another time: those that are available, scheduled or retryable.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids; $2 the time, or NULL: $3 seconds from now.
-- Locks:  none but those of jobs_lock.sql.  Index: job_pkey.
-- Rows:   one: how many were changed.
WITH target AS MATERIALIZED (
    SELECT coalesce($2::timestamptz, now() + make_interval(secs => $3::double precision)) AS at
), changed AS (
    UPDATE job
    SET scheduled_at = target.at,
        state = CASE
            WHEN target.at <= now() THEN 'available'
            WHEN job.state = 'retryable' THEN 'retryable'
            ELSE 'scheduled'
        END::job_state
    FROM target
    WHERE job.id = ANY ($1::uuid[]) AND job.state IN ('available', 'scheduled', 'retryable')
    RETURNING job.queue, job.state, job.scheduled_at
), told AS (
    SELECT count(pg_notify(current_schema() || told.topic, told.payload)) AS notes
    FROM (
        SELECT DISTINCT
            CASE WHEN changed.state = 'available' THEN '.wakeup' ELSE '.due' END AS topic,
            CASE WHEN changed.state = 'available' THEN changed.queue ELSE '' END AS payload
        FROM changed
        -- Later ones are found by the stager's own poll.
        WHERE changed.scheduled_at <= now() + interval '10 s'
    ) AS told
)
SELECT count(*) AS changed, (SELECT told.notes FROM told) AS notes
FROM changed
