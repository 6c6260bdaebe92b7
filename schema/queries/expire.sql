-- Discard jobs that wait and whose deadline has passed. Workflows that clean up run once more, to be told.
-- Caller: Store.expire, by the leader's Expirer. A claim does not look at deadlines: it may hand such a
--         job to a node, which discards it without beginning it.
-- Takes:  $1 how many jobs at most; $2 the term in which a leader asks, which does nothing if that is
--         over; NULL: anybody else.
-- Locks:  job rows, SKIP LOCKED, in order of expires_at: a claim in flight wins.
-- Index:  job_expires, its beginning, which has none but jobs with a deadline; job_pkey, step_pkey.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: how many.
-- The failure needs a run of its own, for the one before may have failed, too: the run that the job does
-- not get takes its number.
WITH late AS MATERIALIZED (
    SELECT job.id, job.run_number, job.attempt, job.state, job.sequence, job.paused_at
    FROM job
    WHERE job.expires_at <= now()
    AND job.state IN ('available', 'scheduled', 'pending', 'retryable')
    AND ($2::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $2 AND leader.expires_at > clock_timestamp()
    ))
    ORDER BY job.expires_at
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED
), decided AS MATERIALIZED (
    SELECT
        late.*,
        CASE
            WHEN late.run_number > 0
            THEN state_when_cancelled(
                late.id, late.state, late.run_number, late.sequence, late.paused_at
            )
            ELSE 'cancelled'
        END AS becomes
    FROM late
), told AS (
    UPDATE job
    SET expired_at = job.expires_at,
        expires_at = NULL,
        state = decided.becomes,
        scheduled_at = CASE
            WHEN decided.becomes IN ('available', 'pending') THEN least(job.scheduled_at, now())
            ELSE job.scheduled_at
        END
    FROM decided
    WHERE job.id = ANY (ARRAY[decided.id]) AND decided.becomes <> 'cancelled'
    RETURNING
        job.id, job.state,
        CASE
            WHEN job.state = 'available' THEN pg_notify(current_schema() || '.wakeup', job.queue)
        END
), expired AS (
    UPDATE job
    SET state = 'discarded', finalized_at = now(), run_number = decided.run_number + 1
    FROM decided
    WHERE job.id = ANY (ARRAY[decided.id]) AND decided.becomes = 'cancelled'
    RETURNING job.id
), failed AS (
    INSERT INTO failure (job_id, run_number, attempt, error_class, message)
    SELECT
        decided.id, decided.run_number + 1, decided.attempt, 'Expired',
        'its deadline (expires_at) came while it waited'
    FROM decided
    WHERE decided.becomes = 'cancelled'
    RETURNING failure.job_id
)
SELECT
    count(*) + (SELECT count(*) FROM told) AS jobs,
    notify_finished(array_agg(expired.id)) AS notified,
    CASE WHEN count(*) > 0 THEN tell_workflows(array_agg(expired.id)) END AS looked_at,
    (
        SELECT count(pg_notify(current_schema() || '.wake', told.id::text))
        FROM told
        WHERE told.state = 'available'
    ) AS with_children
FROM expired CROSS JOIN (SELECT count(*) FROM failed) AS kept -- the failures, for events to tell of
