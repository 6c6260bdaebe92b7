-- Undo 032_endings: paused jobs come back, and who cleans up goes on as after a crash.
UPDATE job
SET state = CASE
        WHEN job.paused_from IN ('scheduled', 'retryable') AND job.scheduled_at <= now() THEN 'available'
        ELSE coalesce(job.paused_from, 'pending')
    END::job_state
WHERE job.paused_at IS NOT NULL AND job.state = 'pending' AND job.sequence IS NOT TRUE;
INSERT INTO sequence_due (queue, key)
SELECT DISTINCT job.queue, job.key FROM job
WHERE job.paused_at IS NOT NULL AND job.state = 'pending' AND job.sequence;
DO $$
DECLARE
    patch record;
BEGIN
    FOR patch IN
        SELECT * FROM (VALUES
            ('wake_jobs(uuid[])', ' AND job.paused_at IS NULL', ''),
            (
                'wake_jobs(uuid[])',
                '(job.finalized_at IS NOT NULL OR job.expired_at IS NOT NULL)', 'job.finalized_at IS NOT NULL'
            ),
            ('release_children(uuid, text, integer)', ' AND job.paused_at IS NULL', ''),
            ('promote_sequence(text, text)', ' AND waiting.paused_at IS NULL', ''),
            (
                'promote_sequence(text, text)',
                ' OR EXISTS (SELECT FROM job WHERE job.id = first AND job.paused_at IS NOT NULL)', ''
            )
        ) AS change (function, mark, becomes)
    LOOP
        EXECUTE replace(pg_get_functiondef(patch.function::regprocedure), patch.mark, patch.becomes);
    END LOOP;
END
$$;
CREATE OR REPLACE FUNCTION cancel_children(parents uuid[], most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    generation uuid[];
    cancelled integer := 0;
    ended uuid[];
BEGIN
    WITH orphan AS MATERIALIZED (
        SELECT job.id
        FROM unnest(parents) AS parent (id)
        JOIN job ON job.parent_id = ANY (ARRAY[parent.id]) AND job.finalized_at IS NULL
        WHERE NOT EXISTS (
            SELECT FROM job AS alive
            WHERE alive.id = ANY (ARRAY[parent.id]) AND alive.finalized_at IS NULL
        )
        OR EXISTS (
            SELECT FROM step
            WHERE step.job_id = ANY (ARRAY[parent.id]) AND step.place = job.parent_place
            AND step.done AND step.error IS NOT NULL
        )
        LIMIT most
        FOR UPDATE OF job SKIP LOCKED
    ), changed AS (
        UPDATE job
        SET cancel_requested_at = coalesce(job.cancel_requested_at, now()),
            cancel_reason = coalesce(job.cancel_reason, 'nobody waits for it: its workflow went on or ended'),
            state = CASE WHEN job.state = 'running' THEN job.state ELSE 'cancelled' END,
            finalized_at = CASE WHEN job.state <> 'running' THEN now() END
        FROM orphan
        WHERE job.id = ANY (ARRAY[orphan.id])
        AND (job.state <> 'running' OR job.cancel_requested_at IS NULL)
        RETURNING
            job.id, job.state,
            CASE
                WHEN job.state = 'running'
                THEN pg_notify(current_schema() || '.control', 'cancel:' || job.id::text)
            END
    )
    SELECT array_agg(changed.id) FILTER (WHERE changed.state = 'cancelled'), count(*)
    INTO ended, cancelled
    FROM changed;
    IF ended IS NOT NULL THEN
        PERFORM notify_finished(ended);
        IF cancelled < most THEN
            cancelled := cancelled + cancel_children(ended, most - cancelled);
        END IF;
    END IF;
    RETURN cancelled;
END
$$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION cancel_children(uuid[], integer) SET search_path = %I, pg_temp', current_schema());
END
$$;
DROP FUNCTION watch_again(uuid[]);
DROP FUNCTION resume_jobs(uuid[]);
DROP FUNCTION pause_jobs(uuid[]);
DROP FUNCTION cancel_jobs(uuid[], text, boolean);
DROP FUNCTION state_when_cancelled(uuid, job_state, integer, boolean, timestamptz);
DROP FUNCTION clean_up_due(uuid);
ALTER TABLE job DROP COLUMN paused_at, DROP COLUMN paused_from, DROP COLUMN expired_at;
