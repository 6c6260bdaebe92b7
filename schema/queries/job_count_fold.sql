-- Make one row of job_count of all that have the same queue and state. The sums stay as they are.
-- Caller: Store.queues, which the leader asks for every 15 s, and runtime.client, JobWork.counts.
-- Takes:  $1 from how many rows on: fewer are left as they are.
-- Locks:  rows of job_count, SKIP LOCKED: of two at once, each folds what it got.
-- Plan:   job_count whole, then each row by its place.
WITH taken AS MATERIALIZED (
    SELECT job_count.ctid AS place
    FROM job_count
    WHERE (SELECT count(*) FROM job_count) >= $1::integer
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM job_count USING taken
    WHERE job_count.ctid = ANY (ARRAY[taken.place])
    RETURNING job_count.queue, job_count.state, job_count.jobs
)
INSERT INTO job_count (queue, state, jobs)
SELECT gone.queue, gone.state, sum(gone.jobs)
FROM gone
GROUP BY gone.queue, gone.state
HAVING sum(gone.jobs) <> 0
