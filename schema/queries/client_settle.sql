-- Find which awaited jobs have no ack in flight: their acks to come will see the waiter.
-- Caller: runtime.client, after client_await.sql has committed. An ack locks its jobs before it looks
-- for waiters (003_notify_finished), so a running job whose row is free now will be told of; one whose
-- row is locked may just be ending, and is looked at again at once. Only running jobs are locked, and
-- nobody is waited for: a claim skips locked rows, and must not miss an available one for this.
-- Takes: $1 ids.  Locks: rows of running jobs, FOR SHARE, for this statement.  Index: job_pkey.
SELECT job.id
FROM headrace.job
WHERE job.id = ANY (CAST($1 AS uuid[])) AND job.state = 'running'
FOR SHARE SKIP LOCKED
