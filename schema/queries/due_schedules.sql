-- The schedules that are due or were not planned yet, and when the next one is.
-- Caller: Store.due_schedules, by the leader's Scheduler.
-- Takes:  $1 how many at most.
-- Locks:  none.
-- Index:  schedule_due, its beginning, and then its first entry after now.
-- Rows:   one a schedule, one without a name if there is none; in each the database's time, and the
--         seconds to the next due time. One that is defined in code is due only while the app of a
--         living node defines it; none is while the namespace is disabled (see 019_namespace_switch).
SELECT
    clock.now,
    clock.next_due_seconds,
    due.name,
    due.next_at,
    due.updated_at,
    due.cron,
    due.timezone,
    due.interval_seconds,
    due.catch_up,
    due.overlap
FROM (
    SELECT
        now() AS now,
        (
            SELECT extract(epoch FROM schedule.next_at - now())::double precision
            FROM schedule
            WHERE schedule.paused_at IS NULL AND schedule.problem IS NULL
            AND coalesce(schedule.next_at, '-infinity') > now()
            ORDER BY coalesce(schedule.next_at, '-infinity')
            LIMIT 1
        ) AS next_due_seconds
) AS clock
LEFT JOIN (
    SELECT schedule.*
    FROM schedule
    WHERE schedule.paused_at IS NULL AND schedule.problem IS NULL
    AND coalesce(schedule.next_at, '-infinity') <= now()
    AND NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE pg_trigger.tgrelid = 'job'::regclass AND pg_trigger.tgname = 'job_disabled_insert'
    )
    AND (
        schedule.definition IS NULL
        OR EXISTS (
            SELECT FROM node
            WHERE node.ended_at IS NULL AND node.expires_at > now()
            AND schedule.name = ANY (node.schedules)
        )
    )
    ORDER BY coalesce(schedule.next_at, '-infinity')
    LIMIT $1::integer
) AS due ON true
