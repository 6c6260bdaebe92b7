-- How late each job that was to run later was claimed. Jobs that were claimed again are left out: what
-- they had to wait for was a dead node.
-- Caller: scripts/chaos leader.
-- Locks:  none.  Plan: reads the whole table.
SELECT extract(epoch FROM job.attempted_at - job.scheduled_at)::double precision AS seconds
FROM job
WHERE job.run_number = 1 AND job.scheduled_at > job.created_at AND job.attempted_at IS NOT NULL
