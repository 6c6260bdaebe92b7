-- Look whether suspended jobs can go on, let children and jobs of graphs begin, and cancel those of ended
-- parents.
-- Caller: Store.wake, once what they may have waited for is committed; again, if 1,000 were cancelled.
-- Takes:  $1 ids.
-- Locks:  the jobs that go on, and children, SKIP LOCKED; of graphs, the graph's lock, and then of maps
--         with a bound, the parent's lock.
-- Index:  job_pkey, step_open, signal_untaken, happening_pkey, job_parent, dependency_open.
-- Rows:   one: how many jobs became available, and how many children were cancelled.
SELECT looked.woken, looked.cancelled
FROM (SELECT release_dependents($1::uuid[]) AS jobs OFFSET 0) AS changed -- first: it may end children
CROSS JOIN LATERAL wake_jobs(CASE WHEN changed.jobs IS NOT NULL THEN $1::uuid[] END) AS looked
