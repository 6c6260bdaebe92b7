-- 038_sweep: the sweep finds everybody whom nobody has looked at; a caught failure is not forgotten.
-- Why:   waits of ended workflows stay until these are pruned. A thousand of them for one event, and the
--        sweep saw no others that waited for it; so with workflows that had caught a child's failure,
--        and had other children by then, before those whose children were to be cancelled.
--        And a workflow that had caught a failure right before a gather of nothing could not be retried:
--        the failure was taken for that which had ended it, and forgotten.
--        And of a map that was tried again, children that are held for the second time (034) were not seen.
-- How:   what is left alone is left out before the LIMIT, and not after it: waits of those that have
--        ended or are paused; workflows of which no child is to be cancelled.
-- Locks: none.
-- Safe while serving: yes.
-- As in 029, but for that.
CREATE OR REPLACE FUNCTION sweep_waits(most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    found uuid[];
    parents uuid[];
BEGIN
    found := ARRAY(
        SELECT untaken.job_id
        FROM (SELECT signal.job_id, signal.name FROM signal WHERE signal.taken_at IS NULL OFFSET 0) AS untaken
        CROSS JOIN LATERAL (
            SELECT FROM step
            WHERE step.job_id = untaken.job_id AND NOT step.done AND step.op = 'signal'
            AND step.name = untaken.name::text
            LIMIT 1
        ) AS waiting
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = untaken.job_id AND job.state::text IN ('pending', 'scheduled')
            AND job.paused_at IS NULL
            LIMIT 1
        ) AS suspended
        LIMIT most
    ) || ARRAY(
        SELECT waiting.job_id
        FROM (
            SELECT step.job_id, step.place, step.mode, step.max_in_flight
            FROM step
            WHERE NOT step.done AND step.op IN ('run', 'map')
            OFFSET 0
        ) AS waiting
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = waiting.job_id AND job.state::text IN ('pending', 'scheduled')
            AND job.paused_at IS NULL
            LIMIT 1
        ) AS suspended
        WHERE children_over(waiting.job_id, waiting.place, waiting.mode)
        OR waiting.max_in_flight IS NOT NULL AND EXISTS (
            SELECT FROM job
            WHERE job.parent_id = ANY (ARRAY[waiting.job_id]) AND job.parent_place = waiting.place
            AND job.state = 'pending' AND job.sequence IS NOT TRUE AND job.paused_at IS NULL
            AND (job.run_number = 0 OR job.scheduled_at >= now() + interval '50 years')
        ) AND room_for_children(waiting.job_id, waiting.place, waiting.max_in_flight) > 0
        LIMIT most
    ) || ARRAY(
        WITH RECURSIVE waited (name) AS (
            (
                SELECT step.name FROM step
                WHERE NOT step.done AND step.op = 'event'
                ORDER BY step.name LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT step.name FROM step
                WHERE NOT step.done AND step.op = 'event' AND step.name > waited.name
                ORDER BY step.name LIMIT 1
            )
            FROM waited WHERE waited.name IS NOT NULL
        )
        SELECT waiting.job_id
        FROM waited
        CROSS JOIN LATERAL (
            SELECT FROM happening WHERE happening.name = waited.name LIMIT 1
        ) AS happened
        CROSS JOIN LATERAL (
            SELECT step.job_id
            FROM step
            WHERE step.op = 'event' AND step.name = waited.name AND NOT step.done
            OFFSET 0
        ) AS waiting
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = waiting.job_id AND job.state::text IN ('pending', 'scheduled')
            AND job.paused_at IS NULL
            LIMIT 1
        ) AS suspended
        LIMIT most
    );
    -- Signals that came to be when their job was gone already: sent before, and committed after.
    DELETE FROM signal
    WHERE (signal.job_id, signal.id) IN (
        SELECT untaken.job_id, untaken.id
        FROM (SELECT signal.job_id, signal.id FROM signal WHERE signal.taken_at IS NULL OFFSET 0) AS untaken
        WHERE NOT EXISTS (SELECT FROM job WHERE job.id = ANY (ARRAY[untaken.job_id]))
        LIMIT most
    );
    -- Parents that have ended, or are gone, and steps that have failed, with children that have not.
    WITH RECURSIVE parent (id) AS (
        (
            SELECT job.parent_id FROM job
            WHERE job.parent_id IS NOT NULL AND job.finalized_at IS NULL
            ORDER BY job.parent_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT job.parent_id FROM job
            WHERE job.parent_id > parent.id AND job.finalized_at IS NULL
            ORDER BY job.parent_id LIMIT 1
        )
        FROM parent WHERE parent.id IS NOT NULL
    )
    SELECT array_agg(orphaning.id) INTO parents
    FROM (
        SELECT parent.id
        FROM parent
        WHERE parent.id IS NOT NULL AND (
            NOT EXISTS (
                SELECT FROM job
                WHERE job.id = ANY (ARRAY[parent.id]) AND job.finalized_at IS NULL
            )
            AND EXISTS (
                SELECT FROM job
                WHERE job.parent_id = ANY (ARRAY[parent.id]) AND job.finalized_at IS NULL
                AND job.cancel_requested_at IS NULL
            )
            OR EXISTS (
                SELECT FROM step
                WHERE step.job_id = ANY (ARRAY[parent.id]) AND step.error IS NOT NULL AND step.done
                AND step.op IN ('run', 'map')
                AND EXISTS (
                    SELECT FROM job
                    WHERE job.parent_id = ANY (ARRAY[step.job_id]) AND job.parent_place = step.place
                    AND job.state <= 'retryable'
                    AND job.cancel_requested_at IS NULL
                )
            )
        )
        LIMIT most
    ) AS orphaning;
    IF parents IS NOT NULL THEN
        PERFORM cancel_children(parents, 1000);
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN 0;
    END IF;
    RETURN (SELECT looked.woken FROM wake_jobs(found) AS looked);
END
$$;

-- Whether a step is recorded that comes after this place, in its branch or behind the gather around it.
-- Nearly always the next place is. A gather of which no branch has recorded anything leaves a gap.
CREATE OR REPLACE FUNCTION step_is_followed(of_job uuid, at_place text) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    parts text[] := string_to_array(at_place, '.');
    prefix text COLLATE "C";
    next text COLLATE "C";
BEGIN
    FOR level IN REVERSE cardinality(parts)..1 BY 2 LOOP
        prefix := array_to_string(parts[:level - 1] || ''::text, '.');
        next := prefix || (parts[level]::integer + 1)::text;
        IF EXISTS (
            SELECT FROM step
            WHERE step.job_id = of_job AND step.place >= next AND step.place <= next || '/'
            AND (step.place = next OR step.place > next || '.')
        ) OR EXISTS (
            SELECT FROM step
            WHERE step.job_id = of_job
            AND step.place > prefix AND step.place < coalesce(nullif(left(prefix, -1), '') || '/', ':')
            AND split_part(substr(step.place, length(prefix) + 1), '.', 1)::integer > parts[level]::integer
        ) THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION sweep_waits(integer) SET search_path = %I, pg_temp', current_schema()
    );
    EXECUTE format(
        'ALTER FUNCTION step_is_followed(uuid, text) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
