-- The next published values, in order of their keys, with their payloads where these are sealed.
-- Caller: client.codec.rotate.
-- Takes:  $1 the last job of the page before, $2 the key there, $3 how many.
-- Locks:  none.  Index: published_pkey, job_pkey.
SELECT
    page.job_id, page.part, coalesce(job.kind, '') AS kind,
    CASE WHEN (page.payload::json -> '$codec') IS NOT NULL THEN page.payload END AS payload
FROM (
    SELECT
        row_number() OVER (ORDER BY published.job_id, published.key) AS nth, published.job_id, published.key::text AS part,
        published.value::text AS payload
    FROM published
    WHERE (published.job_id, published.key) > ($1::uuid, $2::text)
    ORDER BY published.job_id, published.key
    LIMIT $3::integer
) AS page
LEFT JOIN job ON job.id = ANY (ARRAY[page.job_id])
ORDER BY page.nth
