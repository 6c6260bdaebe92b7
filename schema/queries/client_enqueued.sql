-- Jobs of a kind, for tests that ask whether one was enqueued.
-- Caller: runtime.testing, on connections of users, as client_enqueue.sql.
-- Takes: $1 a kind.  Locks: none.  Plan: any; a test's table is small.
SELECT
    CAST(job.id AS text) AS id,
    CAST(job.state AS text) AS state,
    job.queue,
    job.priority,
    job.scheduled_at,
    CAST(job.args AS text) AS args
FROM headrace.job
WHERE job.kind = CAST($1 AS text)
ORDER BY job.id
