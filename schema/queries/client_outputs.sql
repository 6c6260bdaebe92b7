-- What steps of a workflow have put out: of these places the first ones, as many as are not too large.
-- Caller: runtime.client, until it has all.
-- Takes: $1 the job's id, $2 places, in order; $3 how many bytes together; one output at least.
-- Locks: none.  Index: step_pkey, job_pkey.
-- Rows:  one a place that is looked at, in order; outputs are JSON text, or NULL.
WITH asked AS MATERIALIZED (
    SELECT wanted.place, wanted.nth, CAST(step.output AS text) AS output
    FROM unnest(CAST($2 AS text[])) WITH ORDINALITY AS wanted (place, nth)
    LEFT JOIN headrace.step ON step.job_id = CAST($1 AS uuid) AND step.place = wanted.place
), sized AS (
    SELECT
        asked.place, asked.nth, asked.output,
        sum(octet_length(asked.output)) OVER (ORDER BY asked.nth) AS bytes
    FROM asked
)
SELECT sized.place, sized.output, job.kind
FROM sized
CROSS JOIN headrace.job
WHERE job.id = CAST($1 AS uuid)
AND (sized.nth = 1 OR coalesce(sized.bytes, 0) <= CAST($3 AS bigint))
ORDER BY sized.nth
