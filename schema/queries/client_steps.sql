-- A workflow's steps, in the order of their places, without their outputs: these are client_outputs.sql's.
-- Caller: runtime.client.
-- Takes: $1 the job's id, $2 the place behind which to begin, or NULL; $3 how many at most, NULL: all.
-- Locks: none.  Index: step_pkey, job_parent.
-- Rows:  one a step; `children`: a JSON object, how many of its jobs are in which state, or NULL.
SELECT
    page.place,
    page.op,
    page.name,
    page.done,
    page.error ->> 0 AS error_class,
    page.error ->> 1 AS message,
    page.attempts,
    page.run_number,
    page.node,
    page.seconds,
    page.until,
    page.began_at,
    page.recorded_at,
    CAST(offspring.states AS text) AS children
FROM (
    SELECT
        step.job_id, step.place,
        CASE WHEN step.mode IN ('finish', 'stop') THEN 'graph' ELSE step.op END AS op, step.name, step.done, step.error, step.attempts,
        step.run_number, step.node, step.seconds, step.until, step.began_at, step.recorded_at
    FROM headrace.step
    WHERE step.job_id = CAST($1 AS uuid)
    AND left(step.place, 1) <> '0'  -- what a workflow keeps for itself: how often it began anew, its watch
    AND (
        CAST($2 AS text) IS NULL
        OR CAST(string_to_array(step.place, '.') AS integer[])
            > CAST(string_to_array(CAST($2 AS text), '.') AS integer[])
    )
    ORDER BY CAST(string_to_array(step.place, '.') AS integer[])
    LIMIT CAST($3 AS bigint)
) AS page
LEFT JOIN LATERAL (
    SELECT json_object_agg(counted.state, counted.jobs) AS states
    FROM (
        SELECT CAST(child.state AS text) AS state, count(*) AS jobs
        FROM headrace.job AS child
        WHERE child.parent_id = page.job_id AND child.parent_place = page.place
        GROUP BY child.state
    ) AS counted
) AS offspring ON page.op IN ('run', 'map', 'graph')
WHERE EXISTS (SELECT FROM headrace.job WHERE job.id = CAST($1 AS uuid))
ORDER BY CAST(string_to_array(page.place, '.') AS integer[])
