-- How many jobs a filter means, by state.
-- Caller: runtime.client, JobWork.count; in a transaction with plan_freely.sql.
-- Takes:  $1 to $18 the filter; $19 how many to count at most; NULL: all.
-- Locks:  none.  Index: as the filter has it.
-- Rows:   one a state.
SELECT found.state::text, count(*) AS jobs
FROM (
    SELECT job.state
    FROM job
    WHERE
/* part: job_filter */
    LIMIT $19::bigint
) AS found
GROUP BY found.state
