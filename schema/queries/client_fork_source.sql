-- What a fork takes from its source, apart from what client_fork.sql copies by itself.
-- Caller: runtime.client.
-- Takes: $1 the job's id.  Locks: none.  Index: job_pkey.
-- Rows:  one, or none.
SELECT job.kind, CAST(job.args AS text) AS args
FROM headrace.job
WHERE job.id = CAST($1 AS uuid)
