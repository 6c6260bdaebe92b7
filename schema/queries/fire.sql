-- Fire schedules: add the jobs of their firings and move them on, in one statement.
-- Caller: Store.fire, by the leader's Scheduler.
-- Takes:  one entry a schedule: $1 names; $2 when it was due, NULL if it was not planned, and $3 when it
--         was changed last, both as they were read; $4 the firing after these; $5 a problem, or NULL.
--         One entry a firing: $6 the place of its schedule in $1, from 1; $7 times; $8 ids of jobs.
--         $9 the term in which a leader asks, which does nothing if that is over; NULL: anybody else.
-- Locks:  schedule rows, SKIP LOCKED, by name: who changes one is not waited for, and the next look finds
--         what it has become. A schedule that is not as it was read any more is left alone: that is
--         what fences a firing that was written already, by this leader or another.
-- Index:  schedule_pkey; job_pkey.
-- Rows:   one: how many schedules were moved on, and how many jobs were added.
WITH entitled AS MATERIALIZED (
    SELECT $9::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $9 AND leader.expires_at > clock_timestamp()
    ) AS yes
), planned AS MATERIALIZED (
    SELECT schedule.*, entry.following_at, entry.found, entry.place
    FROM unnest(
        $1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::text[]
    ) WITH ORDINALITY AS entry (name, due_at, updated_at, following_at, found, place)
    JOIN schedule ON schedule.name = entry.name
    WHERE schedule.next_at IS NOT DISTINCT FROM entry.due_at
    AND schedule.updated_at = entry.updated_at
    -- Said so that it does not speak for the index schedule_due.
    AND num_nonnulls(schedule.paused_at, schedule.problem) = 0
    AND (SELECT entitled.yes FROM entitled)
    ORDER BY schedule.name
    FOR UPDATE OF schedule SKIP LOCKED
), firing AS MATERIALIZED (
    SELECT planned.*, entry.at, entry.job_id
    FROM unnest($6::bigint[], $7::timestamptz[], $8::uuid[]) AS entry (place, at, job_id)
    JOIN planned ON planned.place = entry.place
    -- Not by EXISTS, which PostgreSQL may answer by reading all of job into a hash table.
    WHERE planned.overlap OR (
        SELECT job.finalized_at IS NULL FROM job WHERE job.id = planned.last_job_id
    ) IS NOT TRUE
), fired AS (
    INSERT INTO job (
        id, kind, queue, args, priority, max_attempts, timeout_seconds, tags, key, sequence,
        expires_at, scheduled_at, metadata
    )
    SELECT
        firing.job_id, firing.kind, firing.queue, firing.args, firing.priority,
        firing.max_attempts, firing.timeout_seconds, firing.tags, firing.key, nullif(firing.sequence, false),
        firing.at + make_interval(secs => firing.expires_seconds), firing.at,
        firing.metadata || jsonb_build_object(
            'schedule', firing.name,
            'scheduled_for',
            to_char(firing.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )
    FROM firing
    ORDER BY firing.job_id
    ON CONFLICT (id) DO NOTHING
    RETURNING job.id, pg_notify(current_schema() || '.wakeup', job.queue)
), moved AS (
    UPDATE schedule
    SET next_at = planned.following_at,
        problem = planned.found,
        last_at = coalesce(newest.at, schedule.last_at),
        last_job_id = coalesce(newest.job_id, schedule.last_job_id)
    FROM planned LEFT JOIN LATERAL (
        SELECT firing.at, firing.job_id
        FROM firing
        WHERE firing.place = planned.place
        ORDER BY firing.at DESC
        LIMIT 1
    ) AS newest ON true
    WHERE schedule.name = planned.name
    RETURNING schedule.name
)
SELECT (SELECT count(*) FROM moved) AS schedules, (SELECT count(*) FROM fired) AS jobs
