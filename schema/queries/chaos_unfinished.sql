-- How many jobs are not final.
-- Caller: scripts/chaos soak.
-- Locks:  none.  Plan: reads the whole table.
SELECT count(*) AS jobs FROM job WHERE job.state NOT IN ('completed', 'cancelled', 'discarded')
