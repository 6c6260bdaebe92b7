-- The queues in which jobs wait.
-- Caller: runtime.testing.draining.  Locks: none.  Plan: any; a test's table is small.
SELECT DISTINCT job.queue FROM job
WHERE job.state IN ('available', 'scheduled', 'retryable')
ORDER BY job.queue
