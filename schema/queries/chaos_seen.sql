-- What has been completed of late.
-- Caller: scripts/chaos, just before it strikes: this must be so for ever.
-- Locks:  none.  Index: job_finalized.
-- Rows:   one a job that was completed within the last second.
SELECT job.id, job.run_number
FROM job
WHERE job.state = 'completed' AND job.finalized_at > now() - interval '1 second'
