-- The next signals, in order of their keys, with their payloads where these are sealed.
-- Caller: client.codec.rotate.
-- Takes:  $1 the last job of the page before, $2 the signal's id, $3 how many.
-- Locks:  none.  Index: signal_pkey.
SELECT
    page.job_id, page.part, '' AS kind,
    CASE WHEN (page.payload::json -> '$codec') IS NOT NULL THEN page.payload END AS payload
FROM (
    SELECT
        row_number() OVER (ORDER BY signal.job_id, signal.id) AS nth, signal.job_id, signal.id::text AS part,
        signal.value::text AS payload
    FROM signal
    WHERE (signal.job_id, signal.id) > ($1::uuid, $2::uuid)
    ORDER BY signal.job_id, signal.id
    LIMIT $3::integer
) AS page
ORDER BY page.nth
