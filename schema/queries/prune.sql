-- Delete old final jobs, waiters that nobody minds any more, and nodes long gone. Queues that keep jobs
-- of a state for a time of their own are left out: for them there is prune_queue.sql. So are children of
-- workflows that have not ended: these may ask again for what came of them; and jobs of graphs whose root
-- is there.
-- Caller: Store.prune, by the leader's Pruner.
-- Takes:  $1 states, $2 by state: seconds that its jobs are kept; $3 how many jobs at most; $4 the term
--         in which a leader asks, which does nothing if that is over; NULL: anybody else.
-- Locks:  job rows, SKIP LOCKED; their failures, by the foreign key. Rows of waiter, SKIP LOCKED, for
--         client_await.sql takes many of them in its own order. Rows of node.
-- Index:  job_finalized, the beginning of a range a state; job_pkey; job_running; failure_pkey.
-- Plan:   Nested Loop of states and Limit -> LockRows -> Index Scan using job_finalized.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: how many jobs were deleted.
WITH entitled AS MATERIALIZED (
    SELECT $4::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $4 AND leader.expires_at > clock_timestamp()
    ) AS yes
), kept AS MATERIALIZED (
    SELECT
        entry.state, entry.seconds,
        ARRAY(
            SELECT queue.name::text
            FROM queue
            WHERE CASE entry.state
                WHEN 'completed' THEN queue.keep_completed_seconds
                WHEN 'cancelled' THEN queue.keep_cancelled_seconds
                WHEN 'discarded' THEN queue.keep_discarded_seconds
            END IS NOT NULL
        ) AS apart
    FROM unnest($1::text[], $2::double precision[]) AS entry (state, seconds)
), old AS MATERIALIZED (
    SELECT oldest.id
    FROM kept
    CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.state = kept.state::job_state
        AND job.finalized_at < now() - make_interval(secs => kept.seconds)
        AND job.queue::text <> ALL (kept.apart)
        AND (job.parent_id IS NULL OR NOT EXISTS (
            SELECT FROM job AS parent
            WHERE parent.id = ANY (ARRAY[job.parent_id])
            AND (parent.finalized_at IS NULL OR parent.kind = 'headrace.graph')
        ))
        ORDER BY job.finalized_at
        LIMIT $3::integer
        FOR UPDATE SKIP LOCKED
    ) AS oldest
    WHERE (SELECT entitled.yes FROM entitled)
    LIMIT $3::integer
), deleted AS (
    DELETE FROM job USING old WHERE job.id = ANY (ARRAY[old.id])
    RETURNING job.id
), nodes_gone AS (
    DELETE FROM node
    WHERE node.expires_at < now() - interval '24 hours'
    AND (SELECT entitled.yes FROM entitled)
    AND NOT EXISTS (
        SELECT FROM job WHERE job.state = 'running' AND job.node_id = node.id
    )
), waiters_old AS MATERIALIZED (
    SELECT waiter.job_id
    FROM waiter
    WHERE waiter.expires_at < now() AND (SELECT entitled.yes FROM entitled)
    FOR UPDATE SKIP LOCKED
), waiters_gone AS (
    DELETE FROM waiter USING waiters_old WHERE waiter.job_id = ANY (ARRAY[waiters_old.job_id])
)
SELECT count(*) AS jobs FROM deleted
