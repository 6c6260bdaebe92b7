-- Ask to be told of the end of jobs, for a while: ack sends a NOTIFY for those in `waiter` alone.
-- Caller: runtime.client, which then reads client_settle.sql.
-- Takes: $1 ids, $2 for how many seconds.  Locks: rows of waiter, in the order of their ids.
INSERT INTO headrace.waiter (job_id, expires_at)
SELECT awaited.id, now() + make_interval(secs => $2)
FROM unnest(CAST($1 AS uuid[])) AS awaited (id)
ORDER BY awaited.id
ON CONFLICT (job_id) DO UPDATE SET expires_at = greatest(waiter.expires_at, excluded.expires_at)
