-- How many jobs are in each state.
-- Caller: Store.counts, in a transaction with plan_freely.sql: it reads the whole table.
-- Locks:  none.
SELECT job.state::text, count(*) AS jobs
FROM job
GROUP BY job.state
