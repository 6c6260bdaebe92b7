-- Take jobs of queues that have limits, for a node: the function claim_limited for each group of demand.
-- Caller: Store.claim_limited.
-- Takes:  $1 node id; by group: $2 queues, in order, so that two calls cannot deadlock, $3 kinds (each a
--         text[] literal), $4 places.
-- Locks:  the queues' rows, until the end; then the taken job rows, SKIP LOCKED.
-- Index:  queue_pkey; job_limited, the range of a queue, to count what runs; job_claim, or, where keys take
--         turns, job_keyed, a step a key; job_pkey for the update.
-- Rows:   by group, one a job; and one with a NULL id: in again_seconds, when to ask again.
SELECT claimed.*
FROM unnest($2::text[], $3::text[], $4::integer[]) AS asked (queue, kinds, places)
CROSS JOIN LATERAL claim_limited(
    $1::bigint, asked.queue, asked.kinds::text[], asked.places
) AS claimed
