-- 032_endings: workflows that clean up, jobs that are paused.
-- Why:   whoever cancels a workflow made with clean_up=True, or whose deadline comes, wants what it has done
--        undone. So it is not ended at once: it runs once more, is told, and ends when it has cleaned up. And one
--        job may be held back without its queue.
-- How:   such a workflow has a step at place 0.0.1, its watch: open until it was told. Who would end the job
--        looks for that. A paused job is `pending`, and remembers where it comes back to; who makes pending
--        jobs available passes it by. A deadline that has come is moved to expired_at, so that it comes once.
-- Locks: ACCESS EXCLUSIVE on job, for a moment: no row is rewritten.
-- Safe while serving: yes. Nodes of older versions end workflows without clean-up, and wake paused ones.
ALTER TABLE job
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_from job_state,                   -- to come back to; NULL while it runs
    ADD COLUMN expired_at timestamptz;                  -- its deadline, of which it was told

-- Whether a job that is being ended is still to be told, so that it cleans up. False: it was told. NULL: it
-- does not clean up. With a snapshot of its own: the step may be younger than the caller's.
CREATE FUNCTION clean_up_due(of_job uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (SELECT NOT step.done FROM step WHERE step.job_id = of_job AND step.place = '0.0.1');
END
$$;

-- The state of an unfinished job once it is cancelled.
CREATE FUNCTION state_when_cancelled(
    of_job uuid, state job_state, run_number integer, sequence boolean, paused_at timestamptz
) RETURNS job_state
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    due boolean;
BEGIN
    IF state = 'running' THEN
        RETURN state;
    END IF;
    IF run_number > 0 THEN
        due := clean_up_due(of_job);
    END IF;
    RETURN CASE
        WHEN due IS NULL THEN 'cancelled'
        WHEN NOT due OR paused_at IS NOT NULL OR (sequence AND state = 'pending') THEN state
        ELSE 'available'
    END;
END
$$;

-- Here and below, rows are locked before they are read: each statement sees what others have committed until it
-- begins, and nobody changes the rows after that.

-- Cancel jobs: at once; or, while they run, by asking their nodes to; or by having them clean up, if they are
-- workflows that do. at_once: without clean-up. Final ones stay as they are. The first reason is kept.
-- changed: that were not running; asked: that run.
CREATE FUNCTION cancel_jobs(
    ids uuid[], reason text DEFAULT NULL, at_once boolean DEFAULT false,
    OUT changed bigint, OUT asked bigint
)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    ended uuid[];
    told uuid[];
BEGIN
    PERFORM FROM job
    WHERE job.id = ANY (ids) AND job.finalized_at IS NULL
    ORDER BY job.id
    FOR UPDATE;
    IF at_once THEN
        DELETE FROM step WHERE step.job_id = ANY (ids) AND step.place = '0.0.1';
    END IF;
    WITH decided AS MATERIALIZED (
        SELECT
            job.id,
            state_when_cancelled(
                job.id, job.state, job.run_number, job.sequence, job.paused_at
            ) AS becomes
        FROM job
        WHERE job.id = ANY (ids) AND job.finalized_at IS NULL
    ), written AS (
        UPDATE job
        SET cancel_requested_at = CASE
                WHEN at_once THEN clock_timestamp()
                ELSE coalesce(job.cancel_requested_at, clock_timestamp())
            END,
            cancel_reason = coalesce(job.cancel_reason, reason),
            state = decided.becomes,
            scheduled_at = CASE
                -- Once it is resumed, or it is its turn, it is to be told at once.
                WHEN decided.becomes IN ('available', 'pending') THEN least(job.scheduled_at, now())
                ELSE job.scheduled_at
            END,
            finalized_at = CASE WHEN decided.becomes = 'cancelled' THEN now() END
        FROM decided
        WHERE job.id = ANY (ARRAY[decided.id])
        RETURNING
            job.id, job.state,
            CASE job.state
                WHEN 'running'
                THEN pg_notify(current_schema() || '.control', 'cancel:' || job.id::text)
                WHEN 'available' THEN pg_notify(current_schema() || '.wakeup', job.queue)
            END
    )
    SELECT
        count(*) FILTER (WHERE written.state <> 'running'),
        count(*) FILTER (WHERE written.state = 'running'),
        array_agg(written.id) FILTER (WHERE written.state = 'cancelled'),
        array_agg(written.id) FILTER (WHERE written.state = 'available')
    INTO changed, asked, ended, told
    FROM written;
    IF told IS NOT NULL THEN
        PERFORM cancel_children(told, 1000);
    END IF;
    IF ended IS NOT NULL THEN
        PERFORM notify_finished(ended);
        PERFORM tell_workflows(ended);
    END IF;
END
$$;

-- Hold jobs back: those that wait at once, those that run when their run ends, unless it is the job's end.
-- Final ones stay as they are. changed: that were not running; asked: that run.
CREATE FUNCTION pause_jobs(ids uuid[], OUT changed bigint, OUT asked bigint)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM FROM job
    WHERE job.id = ANY (ids) AND job.finalized_at IS NULL
    ORDER BY job.id
    FOR UPDATE;
    WITH written AS (
        UPDATE job
        SET paused_at = coalesce(job.paused_at, clock_timestamp()),
            paused_from = CASE
                WHEN job.state = 'running' THEN NULL
                WHEN job.paused_at IS NOT NULL THEN job.paused_from
                ELSE job.state
            END,
            state = CASE WHEN job.state = 'running' THEN job.state ELSE 'pending' END
        WHERE job.id = ANY (ids) AND job.finalized_at IS NULL
        RETURNING
            job.state,
            CASE
                WHEN job.state = 'running'
                THEN pg_notify(current_schema() || '.control', 'cancel:' || job.id::text)
            END
    )
    SELECT
        count(*) FILTER (WHERE written.state <> 'running'),
        count(*) FILTER (WHERE written.state = 'running')
    INTO changed, asked
    FROM written;
END
$$;

-- Undo pause_jobs: jobs come back to where they would be, and are looked at for what came meanwhile.
-- changed: that were not running; asked: that run.
CREATE FUNCTION resume_jobs(ids uuid[], OUT changed bigint, OUT asked bigint)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    waiting uuid[];
    due boolean;
BEGIN
    PERFORM FROM job
    WHERE job.id = ANY (ids) AND job.finalized_at IS NULL
    ORDER BY job.id
    FOR UPDATE;
    WITH written AS (
        UPDATE job
        SET paused_at = NULL,
            paused_from = NULL,
            state = CASE
                WHEN job.state <> 'pending' THEN job.state
                WHEN job.sequence THEN 'pending' -- until it is its turn
                WHEN (job.cancel_requested_at IS NOT NULL OR job.expired_at IS NOT NULL)
                    AND clean_up_due(job.id)
                THEN 'available'
                WHEN job.paused_from IN ('scheduled', 'retryable') AND job.scheduled_at <= now()
                THEN 'available'
                ELSE coalesce(job.paused_from, 'pending')
            END
        WHERE job.id = ANY (ids) AND job.finalized_at IS NULL AND job.paused_at IS NOT NULL
        RETURNING
            job.id, job.state, job.parent_id,
            CASE WHEN job.sequence THEN look_at_sequence(job.queue, job.key) END AS turn,
            CASE
                WHEN job.state = 'available' THEN pg_notify(current_schema() || '.wakeup', job.queue)
            END,
            CASE
                WHEN job.state IN ('pending', 'scheduled')
                THEN pg_notify(current_schema() || '.wake', job.id::text)
            END,
            CASE -- which lets it begin: its map, or its graph
                WHEN job.parent_id IS NOT NULL
                THEN pg_notify(current_schema() || '.wake', job.parent_id::text)
            END
    )
    SELECT
        count(*) FILTER (WHERE written.state <> 'running'),
        count(*) FILTER (WHERE written.state = 'running'),
        array_agg(written.id) FILTER (WHERE written.state IN ('pending', 'scheduled'))
            || array_agg(DISTINCT written.parent_id) FILTER (WHERE written.parent_id IS NOT NULL),
        bool_or(written.state IN ('scheduled', 'retryable'))
    INTO changed, asked, waiting, due
    FROM written;
    IF waiting IS NOT NULL THEN
        PERFORM wake_jobs(waiting);
    END IF;
    IF due THEN
        PERFORM pg_notify(current_schema() || '.due', '');
    END IF;
END
$$;

-- Of workflows that shall go on as if they had not been ended: have them watch again, where nothing is left
-- that tells at replay that they were told.
CREATE FUNCTION watch_again(ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE step SET done = false
    WHERE step.job_id = ANY (ids) AND step.place = '0.0.1' AND step.done
    AND NOT EXISTS (
        SELECT FROM step AS told
        WHERE told.job_id = ANY (ARRAY[step.job_id])
        AND told.error ->> 0 IN ('JobCancelled', 'Expired') AND told.error IS NOT NULL
    );
END
$$;

-- As in 029; but children that clean up do, and none is asked twice. Of parents that are about to be told that
-- they are cancelled, all go at once: the parent may need the place that one of them takes.
CREATE OR REPLACE FUNCTION cancel_children(parents uuid[], most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    cancelled integer := 0;
    orphans uuid[];
    ended uuid[];
BEGIN
    orphans := ARRAY(
        SELECT job.id
        FROM unnest(parents) AS parent (id)
        JOIN job ON job.parent_id = ANY (ARRAY[parent.id]) AND job.finalized_at IS NULL
        WHERE job.cancel_requested_at IS NULL
        AND (
            NOT EXISTS (
                SELECT FROM job AS alive
                WHERE alive.id = ANY (ARRAY[parent.id]) AND alive.finalized_at IS NULL
            )
            OR EXISTS (
                SELECT FROM step
                WHERE step.job_id = ANY (ARRAY[parent.id]) AND step.place = job.parent_place
                AND step.done AND step.error IS NOT NULL
            )
            OR EXISTS (
                SELECT FROM job AS told
                WHERE told.id = ANY (ARRAY[parent.id]) AND told.state::text = 'available'
                AND (told.cancel_requested_at IS NOT NULL OR told.expired_at IS NOT NULL)
                AND clean_up_due(told.id)
            )
        )
        LIMIT most
        FOR UPDATE OF job SKIP LOCKED
    );
    IF cardinality(orphans) = 0 THEN
        RETURN 0;
    END IF;
    WITH decided AS MATERIALIZED (
        SELECT
            job.id,
            state_when_cancelled(
                job.id, job.state, job.run_number, job.sequence, job.paused_at
            ) AS becomes
        FROM job
        WHERE job.id = ANY (orphans) AND job.finalized_at IS NULL
    ), changed AS (
        UPDATE job
        SET cancel_requested_at = clock_timestamp(),
            cancel_reason = coalesce(job.cancel_reason, 'nobody waits for it: its workflow went on or ended'),
            state = decided.becomes,
            scheduled_at = CASE
                -- Once it is resumed, or it is its turn, it is to be told at once.
                WHEN decided.becomes IN ('available', 'pending') THEN least(job.scheduled_at, now())
                ELSE job.scheduled_at
            END,
            finalized_at = CASE WHEN decided.becomes = 'cancelled' THEN now() END
        FROM decided
        WHERE job.id = ANY (ARRAY[decided.id])
        RETURNING
            job.id, job.state,
            CASE job.state
                WHEN 'running'
                THEN pg_notify(current_schema() || '.control', 'cancel:' || job.id::text)
                WHEN 'available' THEN pg_notify(current_schema() || '.wakeup', job.queue)
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

-- Who makes pending jobs available passes paused ones by. A paused one of a sequence holds back those behind it.
DO $$
DECLARE
    patch record;
    known text;
    signature text;
BEGIN
    FOR patch IN
        SELECT * FROM (VALUES
            (
                'wake_jobs(uuid[])', 'job.state::text IN (''pending'', ''scheduled'')',
                'job.state::text IN (''pending'', ''scheduled'') AND job.paused_at IS NULL'
            ),
            (
                'wake_jobs(uuid[])',
                'IF EXISTS (SELECT FROM job WHERE job.id = ANY (ids) AND job.finalized_at IS NOT NULL)',
                'IF EXISTS (SELECT FROM job WHERE job.id = ANY (ids) AND (job.finalized_at IS NOT NULL'
                ' OR job.expired_at IS NOT NULL))'
            ),
            (
                'release_children(uuid, text, integer)', 'AND job.sequence IS NOT TRUE',
                'AND job.sequence IS NOT TRUE AND job.paused_at IS NULL'
            ),
            (
                'promote_sequence(text, text)', 'WHERE waiting.id = first AND waiting.state::text = ''pending''',
                'WHERE waiting.id = first AND waiting.state::text = ''pending'' AND waiting.paused_at IS NULL'
            ),
            (
                'promote_sequence(text, text)', 'IF first IS NULL THEN',
                'IF first IS NULL OR EXISTS (SELECT FROM job WHERE job.id = first AND job.paused_at IS NOT NULL) THEN'
            )
        ) AS change (function, mark, becomes)
    LOOP
        known := pg_get_functiondef(patch.function::regprocedure);
        ASSERT strpos(known, patch.mark) > 0, patch.function || ' is not what it was';
        EXECUTE replace(known, patch.mark, patch.becomes);
    END LOOP;
    FOREACH signature IN ARRAY ARRAY[
        'clean_up_due(uuid)',
        'state_when_cancelled(uuid, job_state, integer, boolean, timestamptz)',
        'cancel_jobs(uuid[], text, boolean)', 'pause_jobs(uuid[])', 'resume_jobs(uuid[])',
        'watch_again(uuid[])', 'cancel_children(uuid[], integer)'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
