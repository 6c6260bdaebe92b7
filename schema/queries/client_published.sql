-- What a workflow has published under a key, and how it stands.
-- Caller: runtime.client.
-- Takes: $1 the job's id, $2 the key.  Locks: none.  Index: job_pkey, published_pkey.
-- Rows:  one, or none; `known`: it has published that; `value` then is JSON text.
SELECT
    CAST(job.state AS text) AS state,
    job.kind,
    published.job_id IS NOT NULL AS known,
    CAST(published.value AS text) AS value
FROM headrace.job
LEFT JOIN headrace.published ON published.job_id = job.id AND published.key = CAST($2 AS text)
WHERE job.id = CAST($1 AS uuid)
