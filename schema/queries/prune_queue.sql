-- Delete old final jobs of a queue that keeps them for a time of its own, from a time on.
-- Caller: Store.prune_queue, by the leader's Pruner.
-- Takes:  $1 state; $2 queue; $3 seconds that its jobs are kept; $4 look behind this end of a job, NULL:
--         from the oldest; $5 how many jobs are looked at, of all queues, and as many as ended with the
--         last of them; $6 the term in which a leader asks, which does nothing if that is over.
-- Locks:  job rows, SKIP LOCKED; their failures, by the foreign key.
-- Index:  job_finalized, a range; job_pkey. What was looked at is not looked at again: the caller goes on
--         from the last end.
-- Plan:   Limit -> Index Scan using job_finalized; Nested Loop with job_pkey.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: how many jobs were deleted, how many were looked at, and the last one's end.
WITH seen AS MATERIALIZED (
    SELECT job.id, job.queue, job.finalized_at
    FROM job
    WHERE job.state = $1::text::job_state
    AND job.finalized_at < now() - make_interval(secs => $3::double precision)
    AND job.finalized_at > coalesce($4::timestamptz, '-infinity')
    AND ($6::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $6 AND leader.expires_at > clock_timestamp()
    ))
    ORDER BY job.finalized_at
    FETCH FIRST ($5::bigint) ROWS WITH TIES
), old AS MATERIALIZED (
    SELECT job.id
    FROM seen JOIN job ON job.id = ANY (ARRAY[seen.id])
    WHERE seen.queue = $2::text AND job.finalized_at = seen.finalized_at
    AND (job.parent_id IS NULL OR NOT EXISTS (
        SELECT FROM job AS parent
        WHERE parent.id = ANY (ARRAY[job.parent_id])
        AND (parent.finalized_at IS NULL OR parent.kind = 'headrace.graph')
    ))
    FOR UPDATE OF job SKIP LOCKED
), deleted AS (
    DELETE FROM job USING old WHERE job.id = ANY (ARRAY[old.id])
    RETURNING job.id
)
SELECT
    (SELECT count(*) FROM deleted) AS jobs,
    (SELECT count(*) FROM seen) AS seen,
    (SELECT max(seen.finalized_at) FROM seen) AS reached_at
