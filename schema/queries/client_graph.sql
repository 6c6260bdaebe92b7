-- The jobs of a job's graphs, in their order, without what they come after: see client_graph_after.sql.
-- Caller: runtime.client.
-- Takes: $1 the id of a graph's root, or of a workflow.  Locks: none.  Index: step_pkey, job_parent, failure_pkey.
-- The key of the name is no name of a namespace, which clients put in for another.
-- Rows:  one a job: of what is not in a state of ending well, the last failure, or why it was cancelled.
SELECT
    job.id,
    job.metadata ->> ('headrace' || '.graph') AS name,
    job.kind,
    CAST(job.state AS text) AS state,
    CAST(job.output AS text) AS output,
    coalesce(last.error_class, '') AS error_class,
    coalesce(last.message, job.cancel_reason, '') AS message,
    step.place,
    job.attempt
FROM headrace.step
JOIN headrace.job ON job.parent_id = step.job_id AND job.parent_place = step.place
LEFT JOIN LATERAL (
    SELECT failure.error_class, failure.message
    FROM headrace.failure
    WHERE failure.job_id = job.id AND job.state <> 'completed'
    ORDER BY failure.run_number DESC
    LIMIT 1
) AS last ON true
WHERE step.job_id = CAST($1 AS uuid) AND step.mode IN ('finish', 'stop')
ORDER BY step.place, job.created_at, job.id
