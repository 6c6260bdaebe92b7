-- Change some columns of a schedule.
-- Caller: client.schedules.
-- Takes:  $1 name; $2 a JSON object, whose keys are the columns that change.
-- Locks:  its row.  Index: schedule_pkey.
-- Rows:   its name; none, if there is none of that name.
UPDATE schedule
SET kind = new.kind, queue = new.queue, args = new.args, priority = new.priority,
    max_attempts = new.max_attempts, timeout_seconds = new.timeout_seconds, tags = new.tags,
    metadata = new.metadata, key = new.key, sequence = new.sequence,
    expires_seconds = new.expires_seconds, cron = new.cron, timezone = new.timezone,
    interval_seconds = new.interval_seconds, catch_up = new.catch_up, overlap = new.overlap
FROM (
    SELECT (jsonb_populate_record(kept, $2::text::jsonb)).*
    FROM schedule AS kept
    WHERE kept.name = $1::text
    FOR UPDATE
) AS new
WHERE schedule.name = $1::text
RETURNING schedule.name
