-- What was done of some jobs: how many, from the first claim to the last ack, in seconds since 1970.
-- Caller: scripts/bench, when the work is done.
-- Takes:  $1 ids.
-- Locks:  none.
-- Index:  job_pkey.
SELECT
    count(*) AS jobs,
    count(*) FILTER (WHERE job.state = 'completed') AS completed,
    extract(epoch FROM min(job.attempted_at))::double precision AS first_claim,
    extract(epoch FROM max(job.finalized_at))::double precision AS last_ack
FROM job
WHERE job.id = ANY ($1::uuid[])
