-- All jobs, as they ended.
-- Caller: scripts/chaos.
-- Locks:  none.  Plan: reads the whole table.
SELECT job.id, job.state::text AS state, job.run_number, job.attempt, job.output::text AS output
FROM job
