-- Take available jobs for a node: one statement for all groups of demand, but of
-- queues that have limits: those are for claim_limited.sql.
-- Caller: Store.claim.
-- Takes:  $1 node id; by group: $2 queues, $3 kinds (each a text[] literal), $4 places, $5 the job,
--         or NULL, behind which to look: where a snapshot is held, the entries of all that was claimed
--         since lie in front of it, and a look from the head would step over them each time. A job
--         that was given another place since (a retry) is no mark: then from the head.
-- Locks:  the taken job rows, SKIP LOCKED, in (priority, scheduled_at, id); nobody waits for anybody.
-- Index:  job_claim, a range a group, until there are as many as places; then job_pkey for the update.
-- Plan:   Nested Loop of groups and Limit -> LockRows -> Index Scan using job_claim. The CTE is
--         MATERIALIZED, for a rescan would lock and take a second lot.
--         = ANY (ARRAY[id]): see ack_completed.sql. The place is an Index Cond, as a row comparison.
--         date_part, since extract would make a numeric first, at 0.5 us a job.
-- Counts: what it takes, by itself; see migration 017_job_count. What is locked here is updated, too, but
--         where the namespace is disabled: see refuse_claim in 019_namespace_switch.
-- Rows:   one a job, by group, in the order of the claim.
WITH demand AS MATERIALIZED (
    SELECT
        asked.queue,
        asked.kinds::text[] AS kinds,
        asked.places,
        coalesce(mark.priority, 0::smallint) AS priority,
        coalesce(mark.scheduled_at, '-infinity') AS scheduled_at,
        coalesce(mark.id, '00000000-0000-0000-0000-000000000000') AS id
    FROM unnest($2::text[], $3::text[], $4::integer[], $5::uuid[])
        AS asked (queue, kinds, places, after)
    LEFT JOIN LATERAL (
        SELECT job.priority, job.scheduled_at, job.id
        FROM job
        WHERE job.id = ANY (ARRAY[asked.after]) AND job.scheduled_at <= job.attempted_at
    ) AS mark ON true
    WHERE EXISTS (
        SELECT FROM node
        WHERE node.id = $1 AND node.ended_at IS NULL AND node.expires_at > clock_timestamp()
    )
    AND NOT EXISTS (
        SELECT FROM queue
        WHERE queue.name = asked.queue
        AND (queue.paused_at IS NOT NULL OR queue.limited_at IS NOT NULL)
    )
), taken AS MATERIALIZED (
    SELECT next.id, demand.queue
    FROM demand CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.state = 'available' AND job.queue = demand.queue AND job.kind = ANY (demand.kinds)
        AND (job.priority, job.scheduled_at, job.id)
            > (demand.priority, demand.scheduled_at, demand.id)
        ORDER BY job.priority, job.scheduled_at, job.id
        LIMIT demand.places
        FOR UPDATE SKIP LOCKED
    ) AS next
), counted AS (
    INSERT INTO job_count (queue, state, jobs)
    SELECT held.queue, change.state::job_state, held.jobs * change.sign
    FROM (SELECT taken.queue, count(*) AS jobs FROM taken GROUP BY taken.queue) AS held
    CROSS JOIN (VALUES ('available', -1), ('running', 1)) AS change (state, sign)
)
UPDATE job
SET state = 'running',
    node_id = $1,
    attempted_at = now(),
    run_number = job.run_number + 1,
    attempt = job.attempt + 1
FROM taken
WHERE job.id = ANY (ARRAY[taken.id])
AND (SELECT set_config('hr.counts', 'own', true)) IS NOT NULL
RETURNING
    job.id, job.run_number, job.kind, job.queue, job.args::text, job.attempt, job.max_attempts,
    job.timeout_seconds, job.metadata::text,
    date_part('epoch', now() - job.scheduled_at) AS wait_seconds,
    job.key, job.crashes,
    date_part('epoch', job.expires_at - now()) AS expires_seconds
