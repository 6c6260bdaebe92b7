-- The next jobs that a filter means, in the order of their ids.
-- Caller: runtime.client, jobs_bulk, for a dry run; in a transaction with plan_freely.sql.
-- Takes:  $1 to $17 the filter; $18 the last id that was looked at, or NULL; $19 when the change began:
--         jobs written later are not meant; $20 how many at most.
-- Locks:  none.  Index: job_pkey, or as the filter has it.
SELECT job.id, job.state::text
FROM job
WHERE
/* part: job_filter */
AND ($18::uuid IS NULL OR job.id > $18::uuid)
AND job.created_at <= $19::timestamptz
ORDER BY job.id
LIMIT $20::integer
