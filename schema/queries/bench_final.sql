-- How many of some jobs have come to an end.
-- Caller: scripts/bench, a few times a second while a node works.
-- Takes:  $1 ids.
-- Locks:  none.
-- Index:  job_pkey.
SELECT count(*)
FROM job
WHERE job.id = ANY ($1::uuid[]) AND job.finalized_at IS NOT NULL
