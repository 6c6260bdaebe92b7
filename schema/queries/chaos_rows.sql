-- All jobs, as they ended, but workflows and their children, whose runs are no tries.
-- Caller: scripts/chaos.
-- Locks:  none.  Plan: reads the whole table.
SELECT job.id, job.state::text AS state, job.run_number, job.attempt, job.output::text AS output
FROM job
WHERE job.parent_id IS NULL AND NOT EXISTS (SELECT FROM step WHERE step.job_id = job.id)
