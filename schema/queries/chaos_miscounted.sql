-- Where the counts of jobs are not those of the rows.
-- Caller: scripts/campaigns, at the end.
-- Locks:  none.
-- Plan:   job whole.
-- Rows:   one a queue and state that is miscounted.
SELECT found.queue, found.state::text, sum(found.counted) AS counted, sum(found.jobs) AS jobs
FROM (
    SELECT job.queue::text AS queue, job.state, 0 AS counted, count(*) AS jobs
    FROM job
    GROUP BY job.queue, job.state
    UNION ALL
    SELECT job_count.queue, job_count.state, sum(job_count.jobs), 0
    FROM job_count
    GROUP BY job_count.queue, job_count.state
) AS found
GROUP BY found.queue, found.state
HAVING sum(found.counted) <> sum(found.jobs)
