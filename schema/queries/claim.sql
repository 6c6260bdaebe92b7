-- Take available jobs for a node: one statement for all groups of demand.
-- Caller: Store.claim.
-- Takes:  $1 node id; by group: $2 queues, $3 kinds (each a text[] literal), $4 places.
-- Locks:  the taken job rows, SKIP LOCKED, in (priority, scheduled_at, id); nobody waits for anybody.
-- Index:  job_claim, a range a group, until there are as many as places; then job_pkey for the update.
-- Plan:   Nested Loop of groups and Limit -> LockRows -> Index Scan using job_claim. The CTE is
--         MATERIALIZED, for a rescan would lock and take a second lot.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one a job, by group, in the order of the claim.
WITH demand AS MATERIALIZED (
    SELECT asked.queue, asked.kinds::text[] AS kinds, asked.places
    FROM unnest($2::text[], $3::text[], $4::integer[]) AS asked (queue, kinds, places)
    WHERE EXISTS (
        SELECT FROM node
        WHERE node.id = $1 AND node.ended_at IS NULL AND node.expires_at > clock_timestamp()
    )
    AND NOT EXISTS (
        SELECT FROM queue WHERE queue.name = asked.queue AND queue.paused_at IS NOT NULL
    )
), taken AS MATERIALIZED (
    SELECT next.id
    FROM demand CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.state = 'available' AND job.queue = demand.queue AND job.kind = ANY (demand.kinds)
        ORDER BY job.priority, job.scheduled_at, job.id
        LIMIT demand.places
        FOR UPDATE SKIP LOCKED
    ) AS next
)
UPDATE job
SET state = 'running',
    node_id = $1,
    attempted_at = now(),
    run_number = job.run_number + 1,
    attempt = job.attempt + 1
FROM taken
WHERE job.id = ANY (ARRAY[taken.id])
RETURNING
    job.id, job.run_number, job.kind, job.queue, job.args::text, job.attempt, job.max_attempts,
    job.timeout_seconds, job.metadata::text,
    extract(epoch FROM now() - job.scheduled_at)::double precision AS wait_seconds
