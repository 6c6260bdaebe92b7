-- A page of jobs, newest first.
-- Caller: Store.jobs, in a transaction with plan_freely.sql: planned for the filters that are given.
-- Takes:  $1 state, $2 queue, $3 kind, $4 tag, $5 the last id of the page before (each may be NULL),
--         $6 how many at most.
-- Locks:  none.  Index: job_pkey backwards, or the partial index of the state.
SELECT
    job.id, job.kind, job.queue, job.state::text, job.priority, job.attempt, job.max_attempts,
    job.run_number, job.created_at, job.scheduled_at, job.attempted_at, job.finalized_at,
    job.cancel_requested_at, job.timeout_seconds, node.name AS node,
    job.args::text, job.output::text, job.metadata::text, job.tags
FROM job LEFT JOIN node ON node.id = job.node_id
WHERE ($1::text IS NULL OR job.state = $1::text::job_state)
AND ($2::text IS NULL OR job.queue = $2::text)
AND ($3::text IS NULL OR job.kind = $3::text)
AND ($4::text IS NULL OR $4::text = ANY (job.tags))
AND ($5::uuid IS NULL OR job.id < $5::uuid)
ORDER BY job.id DESC
LIMIT $6::integer
