-- The runs that a node holds.
-- Caller: Store.holdings.
-- Takes:  $1 node id.  Locks: none.  Index: job_running.
-- Rows:   one a run. No ORDER BY id: it would tempt the planner to read job_pkey whole.
SELECT job.id, job.run_number
FROM job
WHERE job.state = 'running' AND job.node_id = $1
