-- The outputs of jobs, as JSON text, and when the statement began that wrote each (Unix seconds).
-- Caller: scripts/bench, to learn when each handler began, and when its job was completed.
-- Takes:  $1 ids.
-- Locks:  none.
-- Index:  job_pkey.
SELECT
    job.id,
    job.output::text AS output,
    extract(epoch FROM job.finalized_at)::double precision AS written_at
FROM job
WHERE job.id = ANY ($1::uuid[]) AND job.state = 'completed'
