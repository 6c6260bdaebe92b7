-- Move jobs that are neither running nor final to another queue, another priority, or both.
-- Caller: runtime.client, jobs_bulk, after jobs_lock.sql.
-- Takes:  $1 ids; $2 the queue, $3 the priority; NULL: as it is.
-- Locks:  none but those of jobs_lock.sql.  Index: job_pkey.
-- Rows:   one: how many were changed.
WITH changed AS (
    UPDATE job
    SET queue = coalesce($2::text, job.queue),
        state = CASE
            WHEN job.sequence AND job.queue <> $2::text THEN 'pending' -- until it is its turn there
            ELSE job.state
        END::job_state,
        priority = coalesce($3::smallint, job.priority)
    WHERE job.id = ANY ($1::uuid[])
    AND job.state IN ('available', 'scheduled', 'retryable', 'pending')
    RETURNING job.queue, job.state
), told AS (
    SELECT count(pg_notify(current_schema() || '.wakeup', woken.queue)) AS queues
    FROM (SELECT DISTINCT changed.queue FROM changed WHERE changed.state = 'available') AS woken
)
SELECT count(*) AS changed, (SELECT told.queues FROM told) AS queues
FROM changed
