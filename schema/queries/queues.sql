-- All known queues: those with a row, those that living nodes serve, and those with jobs that are
-- available or running.
-- Caller: Store.queues.
-- Locks:  none.
-- Index:  job_claim: one step a queue to find their names (a loose scan, as PostgreSQL has none of its
--         own), one step a priority to find the oldest job, and its part of each queue to count it;
--         job_running whole, which is as small as the nodes.
-- Rows:   one a queue, by name.
WITH RECURSIVE waiting (name) AS (
    (
        SELECT job.queue::text FROM job WHERE job.state = 'available' ORDER BY job.queue LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT job.queue::text
        FROM job
        WHERE job.state = 'available' AND job.queue > waiting.name
        ORDER BY job.queue
        LIMIT 1
    )
    FROM waiting
    WHERE waiting.name IS NOT NULL
), running AS MATERIALIZED (
    SELECT job.queue::text AS name, count(*) AS jobs
    FROM job
    WHERE job.state = 'running' AND job.node_id IS NOT NULL
    GROUP BY job.queue
), known AS (
    SELECT waiting.name FROM waiting WHERE waiting.name IS NOT NULL
    UNION
    SELECT running.name FROM running
    UNION
    SELECT queue.name FROM queue
    UNION
    SELECT unnest(node.queues) FROM node WHERE node.ended_at IS NULL AND node.expires_at > now()
)
SELECT
    known.name,
    queue.paused_at,
    (
        SELECT count(*) FROM job WHERE job.state = 'available' AND job.queue = known.name
    ) AS available,
    coalesce((SELECT running.jobs FROM running WHERE running.name = known.name), 0) AS running,
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
FROM known LEFT JOIN queue ON queue.name = known.name
ORDER BY known.name
