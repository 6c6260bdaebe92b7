-- All known queues: those with a row, those that living nodes serve, and those with jobs that are
-- available or running.
-- Caller: Store.queues.
-- Locks:  none.
-- Index:  job_claim: one step a queue and priority to find the oldest job. Nothing is counted:
--         job_count is read whole, which is as small as the number of statements since it was folded.
-- Rows:   one a queue, by name.
WITH counted AS MATERIALIZED (
    SELECT
        job_count.queue AS name,
        coalesce(sum(job_count.jobs) FILTER (WHERE job_count.state = 'available'), 0)::bigint
            AS available,
        coalesce(sum(job_count.jobs) FILTER (WHERE job_count.state = 'running'), 0)::bigint
            AS running
    FROM job_count
    GROUP BY job_count.queue
), known AS (
    SELECT counted.name FROM counted WHERE counted.available > 0 OR counted.running > 0
    UNION
    SELECT queue.name FROM queue
    UNION
    SELECT served.name
    FROM node CROSS JOIN LATERAL unnest(node.queues) AS served (name)
    WHERE node.ended_at IS NULL AND node.expires_at > now() AND served.name <> '*'
)
SELECT
    known.name,
    queue.paused_at,
    coalesce(counted.available, 0) AS available,
    coalesce(counted.running, 0) AS running,
    (
        SELECT extract(epoch FROM now() - min(oldest.scheduled_at))::double precision
        FROM generate_series(1, 4) AS level (priority)
        CROSS JOIN LATERAL (
            SELECT job.scheduled_at
            FROM job
            WHERE job.state = 'available' AND job.queue = known.name
            AND job.priority = level.priority
            ORDER BY job.scheduled_at
            LIMIT 1
        ) AS oldest
    ) AS oldest_age_seconds
FROM known
LEFT JOIN queue ON queue.name = known.name
LEFT JOIN counted ON counted.name = known.name
ORDER BY known.name
