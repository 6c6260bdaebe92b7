-- How many jobs are completed.
-- Caller: scripts/chaos.
-- Locks:  none.  Plan: reads the whole table.
SELECT count(*) AS jobs FROM job WHERE job.state = 'completed'
