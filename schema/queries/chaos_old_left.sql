-- How many of the jobs of chaos_old.sql there still are.
-- Caller: scripts/chaos leader.
-- Locks:  none.  Index: job_finalized.
SELECT count(*) AS jobs FROM job WHERE job.state = 'cancelled'
