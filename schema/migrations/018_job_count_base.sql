-- 018_job_count_base: add the jobs that were there before they were counted.
-- Why:   one statement has one snapshot, in which job_count holds just what was written since the
--        triggers were made. What is missing from it there is missing for good, so it is added once.
--        Done again, it adds nothing.
-- Locks: none. It reads the whole table, a few seconds for ten million jobs.
-- Safe while serving: yes.
INSERT INTO job_count (queue, state, jobs)
SELECT found.queue, found.state, sum(found.jobs)
FROM (
    SELECT job.queue::text AS queue, job.state, 1::bigint AS jobs FROM job
    UNION ALL
    SELECT job_count.queue, job_count.state, -job_count.jobs FROM job_count
) AS found
GROUP BY found.queue, found.state
HAVING sum(found.jobs) <> 0;
