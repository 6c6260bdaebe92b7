-- Make waiting jobs due now, whatever their times.
-- Caller: runtime.testing.draining, which then stages them.
-- Takes: $1 states, $2 queues, or NULL: of all, $3 ids that are left out.  Locks: those jobs' rows.
UPDATE job SET scheduled_at = now()
WHERE job.state = ANY ($1::text[]::job_state[]) AND job.scheduled_at > now()
AND ($2::text[] IS NULL OR job.queue = ANY ($2::text[]))
AND job.id <> ALL ($3::uuid[])
