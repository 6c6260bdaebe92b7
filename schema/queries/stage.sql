-- Make due scheduled and retryable jobs available, and see to sequences that were left to it.
-- Caller: Store.stage, by the leader's Stager.
-- Takes:  $1 how many jobs at most; $2 the term in which a leader asks, which does nothing if that is
--         over; NULL: anybody else.
-- Locks:  job rows, SKIP LOCKED, in order of scheduled_at; those of settle_sequences, at most 0.1 s a key.
-- Index:  job_due, its beginning, and then its first entry after now; job_pkey.
-- Plan:   Limit -> LockRows -> Index Scan using job_due; Nested Loop with job_pkey.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: how many became available, and the seconds to the next due time, 0 if there are more.
WITH due AS MATERIALIZED (
    SELECT job.id
    FROM job
    WHERE job.state IN ('scheduled', 'retryable') AND job.scheduled_at <= now()
    AND ($2::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $2 AND leader.expires_at > clock_timestamp()
    ))
    ORDER BY job.scheduled_at
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED
), staged AS (
    UPDATE job SET state = 'available'
    FROM due
    WHERE job.id = ANY (ARRAY[due.id])
    RETURNING pg_notify(current_schema() || '.wakeup', job.queue)
), settled AS MATERIALIZED (
    SELECT settle_sequences() AS again_seconds
    WHERE EXISTS (SELECT FROM sequence_due)
    AND ($2::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $2 AND leader.expires_at > clock_timestamp()
    ))
)
SELECT
    count(*) AS jobs,
    CASE
        WHEN count(*) = $1::integer THEN 0
        ELSE coalesce((SELECT settled.again_seconds FROM settled), (
            SELECT extract(epoch FROM job.scheduled_at - now())::double precision
            FROM job
            WHERE job.state IN ('scheduled', 'retryable') AND job.scheduled_at > now()
            ORDER BY job.scheduled_at
            LIMIT 1
        ))
    END AS next_due_seconds
FROM staged
