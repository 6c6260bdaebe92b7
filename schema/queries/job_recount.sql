-- Set the counts of jobs right, where somebody wrote jobs with triggers disabled.
-- Caller: runtime.client, JobWork.recount, after job_recount_lock.sql and plan_freely.sql.
-- Locks:  none that a writer of jobs waits for.
-- Plan:   job whole, in one snapshot, as in the migration job_count_base.
-- Rows:   one a queue and state that was wrong.
INSERT INTO job_count (queue, state, jobs)
SELECT found.queue, found.state, sum(found.jobs)
FROM (
    SELECT job.queue::text AS queue, job.state, 1::bigint AS jobs FROM job
    UNION ALL
    SELECT job_count.queue, job_count.state, -job_count.jobs FROM job_count
) AS found
GROUP BY found.queue, found.state
HAVING sum(found.jobs) <> 0
RETURNING job_count.queue
