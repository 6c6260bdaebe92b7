-- A workflow's steps, in the order of their places.
-- Caller: runtime.client.
-- Takes: $1 the job's id.  Locks: none.  Index: step_pkey, job_parent.
-- Rows:  one a step; `children`: a JSON object, how many of its jobs are in which state, or NULL.
SELECT
    step.place,
    step.op,
    step.name,
    step.done,
    CAST(step.output AS text) AS output,
    step.error ->> 0 AS error_class,
    step.error ->> 1 AS message,
    step.attempts,
    step.run_number,
    step.node,
    step.seconds,
    step.until,
    step.began_at,
    step.recorded_at,
    job.kind,
    CAST(offspring.states AS text) AS children
FROM headrace.job
JOIN headrace.step ON step.job_id = job.id
LEFT JOIN LATERAL (
    SELECT json_object_agg(counted.state, counted.jobs) AS states
    FROM (
        SELECT CAST(child.state AS text) AS state, count(*) AS jobs
        FROM headrace.job AS child
        WHERE child.parent_id = step.job_id AND child.parent_place = step.place
        GROUP BY child.state
    ) AS counted
) AS offspring ON step.op IN ('run', 'map')
WHERE job.id = CAST($1 AS uuid)
AND left(step.place, 1) <> '0'  -- what a workflow keeps for itself: how often it began anew, its watch
ORDER BY CAST(string_to_array(step.place, '.') AS integer[])
