-- What was done in all: how many, from the first claim to the last ack, in seconds since 1970.
-- Caller: scripts/bench, when the work is done.
-- Locks:  none.
-- Plan:   reads the whole table.
SELECT
    count(*) AS jobs,
    count(*) FILTER (WHERE job.state = 'completed') AS completed,
    extract(epoch FROM min(job.attempted_at))::double precision AS first_claim,
    extract(epoch FROM max(job.finalized_at))::double precision AS last_ack
FROM job
