-- How many jobs there are, by queue and state, at no cost that grows with their number.
-- Caller: Store.counts_by_queue; runtime.client, JobWork.counts. See job_count_fold.sql.
-- Locks:  none.
-- Plan:   job_count whole: as many rows as there were statements since it was folded.
-- Rows:   one a queue and state that has jobs.
SELECT
    job_count.queue,
    job_count.state::text,
    sum(job_count.jobs)::bigint AS jobs
FROM job_count
GROUP BY job_count.queue, job_count.state
HAVING sum(job_count.jobs) <> 0
ORDER BY job_count.queue, job_count.state
