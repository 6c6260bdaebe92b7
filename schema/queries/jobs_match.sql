-- The next jobs that a filter means, in the order of their ids.
-- Caller: runtime.client, jobs_bulk, for a dry run; in a transaction with plan_freely.sql.
-- Takes:  $1 to $18 the filter; $19 the last id that was looked at, or NULL; $20 when the change began:
--         jobs written later are not meant; $21 how many at most.
-- Locks:  none.  Index: job_pkey, or as the filter has it.
SELECT job.id, job.state::text
FROM job
WHERE
/* part: job_filter */
AND ($19::uuid IS NULL OR job.id > $19::uuid)
AND job.created_at <= $20::timestamptz
ORDER BY job.id
LIMIT $21::integer
