-- Discard jobs that wait and whose deadline has passed.
-- Caller: Store.expire, by the leader's Expirer. A claim does not look at deadlines: it may hand such a
--         job to a node, which discards it without beginning it.
-- Takes:  $1 how many jobs at most; $2 the term in which a leader asks, which does nothing if that is
--         over; NULL: anybody else.
-- Locks:  job rows, SKIP LOCKED, in order of expires_at: a claim in flight wins.
-- Index:  job_expires, its beginning, which has none but jobs with a deadline; job_pkey.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: how many.
-- The failure needs a run of its own, for the one before may have failed, too: the run that the job does
-- not get takes its number.
WITH late AS MATERIALIZED (
    SELECT job.id, job.run_number, job.attempt
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
), expired AS (
    UPDATE job
    SET state = 'discarded', finalized_at = now(), run_number = late.run_number + 1
    FROM late
    WHERE job.id = ANY (ARRAY[late.id])
    RETURNING job.id
), failed AS (
    INSERT INTO failure (job_id, run_number, attempt, error_class, message)
    SELECT
        late.id, late.run_number + 1, late.attempt, 'Expired',
        'its deadline (expires_at) came while it waited'
    FROM late
    RETURNING failure.job_id
)
SELECT
    count(*) AS jobs, notify_finished(array_agg(expired.id)) AS notified,
    CASE WHEN count(*) > 0 THEN tell_workflows(array_agg(expired.id)) END AS told
FROM expired CROSS JOIN (SELECT count(*) FROM failed) AS kept -- the failures, for events to tell of
