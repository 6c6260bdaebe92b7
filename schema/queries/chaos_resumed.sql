-- When the next job was completed after a moment.
-- Caller: scripts/chaos, again and again.
-- Takes:  $1 the moment.
-- Locks:  none.  Index: job_finalized; job_claim and job_running.
-- Rows:   one: how many seconds after it, NULL if none was yet; and whether any is to be run.
SELECT
    extract(
        epoch FROM (
            SELECT min(job.finalized_at)
            FROM job
            WHERE job.state = 'completed' AND job.finalized_at > $1::timestamptz
        ) - $1::timestamptz
    )::double precision AS seconds,
    EXISTS (SELECT FROM job WHERE job.state = 'available')
    OR EXISTS (SELECT FROM job WHERE job.state = 'running') AS waiting
