-- Enqueue jobs inside the caller's own transaction.
-- Caller: runtime.client, on connections of users and of its own pools. Written so that every driver
-- and language can send it: names are qualified, and its one parameter is text. The client puts its
-- namespace for `headrace`, its driver's placeholder for $1 and its own limit for 2097152.
-- Takes: $1 a JSON array of jobs, with enqueue's parameters as keys.  Locks: those of INSERT.
SELECT index, id, inserted, replaced
FROM headrace.enqueue_many(CAST(CAST($1 AS text) AS json), 2097152)
