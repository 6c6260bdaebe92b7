-- Add a schedule.
-- Caller: client.schedules.
-- Takes:  $1 a JSON object, whose keys are columns of schedule.
-- Locks:  none that anybody waits for.
-- Rows:   its name; none, if there is one of that name.
INSERT INTO schedule (
    name, kind, queue, args, priority, max_attempts, timeout_seconds, tags, metadata, key, sequence,
    expires_seconds, cron, timezone, interval_seconds, catch_up, overlap
)
SELECT
    entry.name, entry.kind, entry.queue, entry.args, entry.priority, entry.max_attempts,
    entry.timeout_seconds, entry.tags, entry.metadata, entry.key, entry.sequence,
    entry.expires_seconds, entry.cron, entry.timezone, entry.interval_seconds, entry.catch_up,
    entry.overlap
FROM jsonb_to_record($1::text::jsonb) AS entry (
    name text, kind text, queue text, args jsonb, priority smallint, max_attempts smallint,
    timeout_seconds double precision, tags text[], metadata jsonb, key text, sequence boolean,
    expires_seconds double precision, cron text, timezone text,
    interval_seconds double precision, catch_up integer, overlap boolean
)
ON CONFLICT (name) DO NOTHING
RETURNING schedule.name
