-- The tokens of what is recorded: of the steps of workflows, and of the outputs of their children.
-- Caller: scripts/chaos workflow.
-- Locks:  none.  Plan: reads both tables.
SELECT step.job_id::text AS job, step.name AS step, step.output ->> 'token' AS token
FROM step
WHERE step.done AND json_typeof(step.output) = 'object' AND step.output ->> 'token' <> ''
UNION ALL
SELECT job.id::text, 'batch', job.output ->> 'token'
FROM job
WHERE job.parent_id IS NOT NULL AND job.output ->> 'token' <> ''
