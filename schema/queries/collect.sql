-- How child jobs have ended, for their workflow.
-- Caller: Store.collect.
-- Takes:  $1 job, $2 run number, $3 ids; $4 how many bytes of outputs at most; one job at least.
-- Locks:  none.
-- Index:  job_pkey, failure_pkey.
-- Plan:   Nested Loop of the ids and Index Scans.
--         = ANY (ARRAY[id]), and the state as text: see ack_completed.sql.
-- Rows:   one a job, in the order of the ids: of the first of them; none if it is not the running run. A state
--         that is NULL: there is no such job.
WITH found AS MATERIALIZED (
    SELECT
        asked.nth, child.state::text AS state, child.output::text AS output, child.id,
        child.kind::text AS kind, child.cancel_reason,
        sum(octet_length(child.output::text)) OVER (ORDER BY asked.nth) AS bytes
    FROM unnest($3::uuid[]) WITH ORDINALITY AS asked (id, nth)
    LEFT JOIN job AS child ON child.id = ANY (ARRAY[asked.id])
    WHERE EXISTS (
        SELECT FROM job
        WHERE job.id = ANY (ARRAY[$1::uuid]) AND job.run_number = $2::integer
        AND job.state::text = 'running'
    )
)
SELECT
    found.state, found.output, last.error_class, coalesce(last.message, found.cancel_reason) AS message,
    found.kind
FROM found
LEFT JOIN LATERAL (
    SELECT failure.error_class, failure.message
    FROM failure
    WHERE failure.job_id = found.id AND found.state <> 'completed'
    ORDER BY failure.run_number DESC
    LIMIT 1
) AS last ON true
WHERE found.nth = 1 OR coalesce(found.bytes, 0) <= $4::bigint
ORDER BY found.nth
