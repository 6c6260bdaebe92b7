-- Add a job of a schedule now, beside its firings: also while it is paused, or its last job runs.
-- Caller: client.schedules.
-- Takes:  $1 name; $2 the job's id. Repeated, it adds nothing.
-- Locks:  the schedule's row.  Index: schedule_pkey.
-- Rows:   the schedule's name; none, if there is none of that name.
WITH chosen AS MATERIALIZED (
    SELECT schedule.* FROM schedule WHERE schedule.name = $1::text FOR UPDATE
), added AS (
    INSERT INTO job (
        id, kind, queue, args, priority, max_attempts, timeout_seconds, tags, key, sequence,
        expires_at, metadata
    )
    SELECT
        $2::uuid, chosen.kind, chosen.queue, chosen.args, chosen.priority, chosen.max_attempts,
        chosen.timeout_seconds, chosen.tags, chosen.key, nullif(chosen.sequence, false),
        now() + make_interval(secs => chosen.expires_seconds),
        chosen.metadata || jsonb_build_object(
            'schedule', chosen.name,
            'scheduled_for', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'triggered', true
        )
    FROM chosen
    ON CONFLICT (id) DO NOTHING
    RETURNING pg_notify(current_schema() || '.wakeup', job.queue)
), marked AS (
    UPDATE schedule SET last_job_id = $2::uuid
    FROM chosen
    WHERE schedule.name = $1::text AND schedule.name = chosen.name
)
SELECT chosen.name FROM chosen
