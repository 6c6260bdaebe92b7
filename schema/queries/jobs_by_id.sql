-- Jobs by their ids, without failures.
-- Caller: runtime.client, JobWork.get_many.
-- Takes:  $1 ids.  Locks: none.  Index: job_pkey, node_pkey.
-- Rows:   one a job that there is, in no order.
SELECT
    /* part: job_columns */
FROM job LEFT JOIN node ON node.id = job.node_id
WHERE job.id = ANY ($1::uuid[])
