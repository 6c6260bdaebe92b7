-- Look whether suspended jobs can go on, let children begin, and cancel those of ended parents.
-- Caller: Store.wake, once what they may have waited for is committed; again, if 1,000 were cancelled.
-- Takes:  $1 ids.
-- Locks:  the jobs that go on, and children, SKIP LOCKED; of maps with a bound, the parent's lock.
-- Index:  job_pkey, step_open, signal_untaken, happening_pkey, job_parent.
-- Rows:   one: how many jobs became available, and how many children were cancelled.
SELECT looked.woken, looked.cancelled FROM wake_jobs($1::uuid[]) AS looked
