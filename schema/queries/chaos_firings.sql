-- The jobs of schedules: for which firing each is, and how late it was written.
-- Caller: scripts/chaos schedule.
-- Locks:  none.  Plan: reads the whole table.
SELECT
    job.id, job.metadata ->> 'schedule' AS schedule,
    (extract(epoch FROM (job.metadata ->> 'scheduled_for')::timestamptz) * 1000000)::bigint AS at_us,
    extract(epoch FROM job.created_at - job.scheduled_at)::double precision AS late
FROM job
WHERE job.metadata ? 'schedule'
