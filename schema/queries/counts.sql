-- How many jobs are in each state, at no cost that grows with their number.
-- Caller: Store.counts.
-- Locks:  none.
-- Plan:   job_count whole: see job_counts.sql.
SELECT job_count.state::text, sum(job_count.jobs)::bigint AS jobs
FROM job_count
GROUP BY job_count.state
