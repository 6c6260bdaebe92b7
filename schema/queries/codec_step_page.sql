-- The next steps of workflows, in order of their keys, with their payloads where these are sealed.
-- Caller: client.codec.rotate.
-- Takes:  $1 the last job of the page before, $2 its step's place, $3 how many.
-- Locks:  none.  Index: step_pkey, job_pkey.
SELECT
    page.job_id, page.part, coalesce(job.kind, '') AS kind,
    CASE WHEN (page.payload::json -> '$codec') IS NOT NULL THEN page.payload END AS payload
FROM (
    SELECT
        row_number() OVER (ORDER BY step.job_id, step.place) AS nth, step.job_id, step.place::text AS part,
        step.output::text AS payload
    FROM step
    WHERE (step.job_id, step.place) > ($1::uuid, $2::text)
    ORDER BY step.job_id, step.place
    LIMIT $3::integer
) AS page
LEFT JOIN job ON job.id = ANY (ARRAY[page.job_id])
ORDER BY page.nth
