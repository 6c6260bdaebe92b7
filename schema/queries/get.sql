-- A job's whole row.
-- Caller: Store.get, cancel and retry.
-- Takes:  $1 id.  Locks: none.  Index: job_pkey, node_pkey.
-- Rows:   one, or none.
SELECT
    /* part: job_columns */
FROM job LEFT JOIN node ON node.id = job.node_id
WHERE job.id = $1::uuid
