-- When the jobs of a queue began to run last.
-- Caller: scripts/campaigns.
-- Takes:  $1 the queue.
-- Rows:   one a job that has run: seconds since 1970.
SELECT extract(epoch FROM job.attempted_at)::double precision AS at
FROM job
WHERE job.queue = $1::text AND job.attempted_at IS NOT NULL
