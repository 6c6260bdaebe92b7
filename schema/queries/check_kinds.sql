-- Which kinds of jobs wait, at the head of each queue: what nobody serves is stepped over by claims, and
-- gathers there.
-- Caller: the command `check`.
-- Takes:  $1 how many jobs of each queue are looked at.
-- Locks:  none.
-- Index:  job_claim, a range a queue. job_count is read whole: see job_counts.sql.
-- Rows:   one a queue and kind: how many jobs, and whether there are more in that queue.
WITH waiting AS MATERIALIZED (
    SELECT job_count.queue AS name
    FROM job_count
    WHERE job_count.state = 'available'
    GROUP BY job_count.queue
    HAVING sum(job_count.jobs) > 0
)
SELECT
    waiting.name AS queue,
    head.kind,
    count(*) AS jobs,
    sum(count(*)) OVER (PARTITION BY waiting.name) >= $1::integer AS more
FROM waiting CROSS JOIN LATERAL (
    SELECT job.kind::text AS kind
    FROM job
    WHERE job.state = 'available' AND job.queue = waiting.name
    ORDER BY job.priority, job.scheduled_at, job.id
    LIMIT $1::integer
) AS head
GROUP BY waiting.name, head.kind
ORDER BY waiting.name, count(*) DESC, head.kind
