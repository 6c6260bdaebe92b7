-- Jobs by their ids, without failures.
-- Caller: runtime.client, JobWork.get_many.
-- Takes:  $1 ids.  Locks: none.  Index: job_pkey, node_pkey.
-- Rows:   one a job that there is, in no order.
SELECT
    job.id, job.kind, job.queue, job.state::text, job.priority, job.attempt, job.max_attempts,
    job.run_number, job.created_at, job.scheduled_at, job.attempted_at, job.finalized_at,
    job.cancel_requested_at, job.timeout_seconds, node.name AS node,
    job.args::text, job.output::text, job.metadata::text, job.tags
FROM job LEFT JOIN node ON node.id = job.node_id
WHERE job.id = ANY ($1::uuid[])
