-- Schedules, as people see them, by name.
-- Caller: client.schedules.
-- Takes:  $1 a name, or NULL for all; $2 how many at most; $3 only those behind this name, or NULL.
-- Locks:  none.  Index: schedule_pkey.
-- Rows:   one a schedule; in each the database's time.
SELECT
    schedule.name, schedule.kind, schedule.queue, schedule.args::text AS args, schedule.priority,
    schedule.max_attempts, schedule.timeout_seconds, schedule.tags::text[] AS tags,
    schedule.metadata::text AS metadata, schedule.key, schedule.sequence, schedule.expires_seconds,
    schedule.cron, schedule.timezone, schedule.interval_seconds, schedule.catch_up, schedule.overlap,
    schedule.created_at, schedule.updated_at, schedule.paused_at, schedule.last_at,
    schedule.next_at, schedule.last_job_id, schedule.problem,
    schedule.definition IS NOT NULL AS in_code,
    schedule.definition IS NULL OR EXISTS (
        SELECT FROM node
        WHERE node.ended_at IS NULL AND node.expires_at > now()
        AND schedule.name = ANY (node.schedules)
    ) AS declared,
    now() AS now
FROM schedule
WHERE ($1::text IS NULL OR schedule.name = $1::text)
AND ($3::text IS NULL OR schedule.name > $3::text)
ORDER BY schedule.name
LIMIT $2::integer
