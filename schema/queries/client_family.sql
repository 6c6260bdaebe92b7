-- Whose child a job is, and how many children of its own are in which state.
-- Caller: runtime.client.
-- Takes: $1 the job's id.  Locks: none.  Index: job_pkey, job_parent.
-- Rows:  one, or none; `children`: a JSON object, or NULL where it has none.
SELECT
    job.parent_id,
    job.parent_place,
    parent.kind AS parent_kind,
    CAST(parent.state AS text) AS parent_state,
    (
        SELECT CAST(json_object_agg(counted.state, counted.jobs) AS text)
        FROM (
            SELECT CAST(child.state AS text) AS state, count(*) AS jobs
            FROM headrace.job AS child
            WHERE child.parent_id = CAST($1 AS uuid)
            GROUP BY child.state
        ) AS counted
    ) AS children
FROM headrace.job
LEFT JOIN headrace.job AS parent ON parent.id = job.parent_id
WHERE job.id = CAST($1 AS uuid)
