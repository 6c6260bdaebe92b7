-- Let an event happen, for all workflows that wait for it or will: the first time counts.
-- Caller: runtime.client, on connections of users and of its own pools, as client_enqueue.sql.
-- Takes: $1 a JSON object: name, value.  Locks: those of INSERT ... ON CONFLICT DO NOTHING.
-- Rows:  one: whether it was the first.
SELECT headrace.emit_event(
    emitted.name, coalesce(CAST(emitted.value AS jsonb), CAST('null' AS jsonb))
) AS first
FROM json_to_record(CAST(CAST($1 AS text) AS json)) AS emitted (name text, value json)
