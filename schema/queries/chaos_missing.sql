-- Which of some jobs are not there.
-- Caller: scripts/chaos, after a crash.
-- Takes:  $1 ids.
-- Locks:  none.  Index: job_pkey.
SELECT asked.id
FROM unnest($1::uuid[]) AS asked (id)
WHERE NOT EXISTS (SELECT FROM job WHERE job.id = asked.id)
