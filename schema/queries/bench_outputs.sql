-- The outputs of jobs, as JSON text.
-- Caller: scripts/bench, to learn when each handler began.
-- Takes:  $1 ids.
-- Locks:  none.
-- Index:  job_pkey.
SELECT job.id, job.output::text AS output
FROM job
WHERE job.id = ANY ($1::uuid[]) AND job.state = 'completed'
