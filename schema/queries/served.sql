-- What a node should know of its queues.
-- Caller: Store.served.
-- Takes:  $1 node id; $2 whether to find all queues, for a node that serves whatever there is.
-- Locks:  none.
-- Index:  node_pkey; job_claim, one step a queue.
-- Rows:   one.
WITH RECURSIVE waiting (name) AS (
    (
        SELECT job.queue::text FROM job
        WHERE job.state = 'available' AND $2::boolean
        ORDER BY job.queue LIMIT 1
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
)
SELECT
    ARRAY(SELECT queue.name::text FROM queue WHERE queue.limited_at IS NOT NULL) AS limited,
    (SELECT node.assigned::text FROM node WHERE node.id = $1::bigint) AS assigned,
    ARRAY(SELECT waiting.name FROM waiting WHERE waiting.name IS NOT NULL) AS waiting
