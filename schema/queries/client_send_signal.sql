-- Send a signal to a workflow: it is there if and only if the sender's transaction commits.
-- Caller: runtime.client, on connections of users and of its own pools, as client_enqueue.sql.
-- Takes: $1 a JSON object: job_id, name, value, id.  Locks: those of INSERT, and the job's row FOR KEY SHARE.
-- Rows:  one: "sent"; "known", if that id was there; the state of a job that has ended, and NULL where
-- there is none: then nothing was written.
SELECT headrace.send_signal(
    sent.job_id, sent.name, coalesce(CAST(sent.value AS jsonb), CAST('null' AS jsonb)), sent.id
) AS answer
FROM json_to_record(CAST(CAST($1 AS text) AS json))
    AS sent (job_id uuid, name text, value json, id uuid)
