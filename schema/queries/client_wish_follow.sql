-- Ask to be told of what a job's run tells, for a while; and forget who asked and is gone.
-- Caller: runtime.client, before client_follow.sql and now and then after it.
-- Takes: $1 the job's id, $2 for how many seconds.  Locks: the follower's row; rows of those gone, SKIP
-- LOCKED.
WITH gone AS (
    DELETE FROM headrace.follower
    WHERE follower.job_id IN (
        SELECT old.job_id
        FROM headrace.follower AS old
        WHERE old.expires_at < now() AND old.job_id <> CAST($1 AS uuid)
        FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO headrace.follower (job_id, expires_at)
VALUES (CAST($1 AS uuid), now() + make_interval(secs => CAST($2 AS double precision)))
ON CONFLICT (job_id) DO UPDATE SET expires_at = greatest(follower.expires_at, excluded.expires_at)
