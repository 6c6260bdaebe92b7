-- What is shown of a job: the fields of runtime.job.Job but its failures, under their names.
-- Caller: all that show jobs, with `job` and, joined to it, `node`.
job.id, job.kind, job.queue, job.state::text, job.priority, job.attempt, job.max_attempts,
    job.run_number, job.created_at, job.scheduled_at, job.attempted_at, job.finalized_at,
    job.cancel_requested_at, job.timeout_seconds, node.name AS node,
    job.args::text, job.output::text, job.metadata::text, job.tags,
    job.key, coalesce(job.sequence, false) AS sequence,
    coalesce(job.expires_at, job.expired_at) AS expires_at, job.crashes,
    job.wall_seconds, job.cpu_seconds, job.peak_rss_kib, job.cancel_reason,
    CASE WHEN job.finalized_at IS NULL THEN job.paused_at END AS paused_at
