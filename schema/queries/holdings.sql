-- The runs that a node holds.
-- Caller: Store.holdings.
-- Takes:  $1 node id.  Locks: none.  Index: job_running.
-- Rows:   one a run, by id.
SELECT job.id, job.run_number
FROM job
WHERE job.state = 'running' AND job.node_id = $1
ORDER BY job.id
