-- Tell the nodes of copied jobs, once a queue, when the transaction commits.
-- Caller: runtime.client, at the end of a bulk that copied rows; enqueue_many does so by itself.
-- Takes: $1 a channel, $2 its payloads.
SELECT pg_notify($1, hint.payload)
FROM unnest(CAST($2 AS text[])) AS hint (payload)
