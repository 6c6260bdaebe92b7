-- The next events, in order of their names, with their values where these are sealed.
-- Caller: client.codec.rotate.
-- Takes:  $1 nothing: events are no job's, $2 the last name of the page before, $3 how many.  Locks: none.
-- Index:  happening_pkey.
SELECT
    '00000000-0000-0000-0000-000000000000'::uuid AS job_id, happening.name::text AS part, '' AS kind,
    CASE WHEN happening.value ? '$codec' THEN happening.value::text END AS payload
FROM happening
WHERE happening.name > $2::text AND $1::uuid IS NOT NULL
ORDER BY happening.name
LIMIT $3::integer
