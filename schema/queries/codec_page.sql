-- The next jobs in order of their ids, with their payloads where these are sealed.
-- Caller: client.codec.rotate.
-- Takes:  $1 the last id of the page before, $2 how many.  Locks: none.  Index: job_pkey.
SELECT
    page.id, page.kind,
    CASE WHEN page.args ? '$codec' THEN page.args::text END AS args,
    CASE WHEN page.output ? '$codec' THEN page.output::text END AS output
FROM (
    SELECT job.id, job.kind, job.args, job.output
    FROM job
    WHERE job.id > $1::uuid
    ORDER BY job.id
    LIMIT $2::integer
) AS page
ORDER BY page.id
