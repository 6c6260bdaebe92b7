-- How many jobs were enqueued and how many were completed in a time.
-- Caller: scripts/bench.
-- Takes:  $1 its begin, $2 its end, in seconds since 1970.
-- Locks:  none.
-- Plan:   reads the whole table.
-- Rows:   one.
SELECT
    count(*) FILTER (
        WHERE job.created_at BETWEEN to_timestamp($1::double precision) AND to_timestamp($2::double precision)
    ) AS enqueued,
    count(*) FILTER (
        WHERE job.state = 'completed'
        AND job.finalized_at BETWEEN to_timestamp($1::double precision) AND to_timestamp($2::double precision)
    ) AS completed
FROM job
