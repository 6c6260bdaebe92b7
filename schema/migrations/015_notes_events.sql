-- 015_notes_events: what runs tell of themselves, and who is told of what happens to jobs.
-- Why:   progress, logs and stored values of a run, visible while it goes on; events for whoever asks
--        for them; the reason that people give for a cancellation.
-- Locks: ACCESS EXCLUSIVE on job, for a moment: no row is rewritten.
-- Safe while serving: yes; nodes of older versions write no notes.
ALTER TABLE job ADD COLUMN cancel_reason text;      -- at most 1 KiB, by the functions that set it

-- What a job's latest runs told. No foreign key: it would lock the job's row for each note, and cost
-- each deletion of a job a look here; a trigger looks once a statement instead.
CREATE TABLE note (
    job_id uuid PRIMARY KEY,
    run_number integer NOT NULL,                        -- the run that told it
    noted_at timestamptz NOT NULL DEFAULT now(),
    progress double precision,                          -- from 0 to 1; of this run
    message text,                                       -- what it is at; of this run
    stored_at timestamptz,
    stored job_output,                                  -- of this run, or of one before
    CONSTRAINT note_progress_range CHECK (progress BETWEEN 0 AND 1),
    CONSTRAINT note_message_size CHECK (octet_length(message) <= 4096)
) WITH (
    -- Written ten times a second while a run is busy telling: with room in its page, that is HOT.
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.05,
    vacuum_truncate = off
);

-- What runs logged, some lines a row. A run keeps its last lines only: what is older is deleted by
-- whoever writes the newer.
CREATE TABLE log (
    job_id uuid NOT NULL,
    run_number integer NOT NULL,
    last_line integer NOT NULL,                         -- the number of the last of them, from 1
    lines jsonb NOT NULL,                               -- [{"at", "level", "logger", "text"}, ...]
    PRIMARY KEY (job_id, run_number, last_line),
    CONSTRAINT log_lines_size CHECK (octet_length(lines::text) <= 512 * 1024)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05,
    vacuum_truncate = off
);

-- Who wants to be told that a run has told something, and who wants events. Unlogged: after a crash
-- they ask again.
CREATE UNLOGGED TABLE follower (
    job_id uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE UNLOGGED TABLE subscriber (
    id uuid PRIMARY KEY,                                -- made by the client
    events text[],                                      -- NULL: all; so are the next two
    kinds text[],
    queues text[],
    expires_at timestamptz NOT NULL
);

CREATE FUNCTION drop_notes() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (SELECT FROM note) OR EXISTS (SELECT FROM log) THEN
        DELETE FROM note USING gone WHERE note.job_id = gone.id;
        DELETE FROM log USING gone WHERE log.job_id = gone.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER job_drop_notes AFTER DELETE ON job
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION drop_notes();

-- Tell the followers of these jobs. Returns how many were told of.
CREATE FUNCTION notify_noted(ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (
        SELECT count(pg_notify(current_schema() || '.noted', follower.job_id::text))
        FROM follower
        WHERE follower.job_id = ANY (ids) AND follower.expires_at > now()
    );
END
$$;

-- Tell subscribers what happened to jobs, if there are any: one look at an empty table else.
-- ids, words: by event, the job and what happened. A NOTIFY takes 8000 bytes, and each is a lock that
-- commits share: so as many events go into one as fit. Whoever may connect to the database may hear
-- it: so it tells of no args, outputs or messages. It reads the jobs as the calling statement has left
-- them, since it is volatile. Returns how many notifications were sent.
CREATE FUNCTION emit_events(ids uuid[], words text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM subscriber WHERE subscriber.expires_at > now()) THEN
        RETURN 0;
    END IF;
    RETURN (
        WITH told AS (
            SELECT
                given.place,
                json_strip_nulls(json_build_object(
                    'event', given.word,
                    'at', clock_timestamp(),
                    'queue', job.queue,
                    'job_id', job.id,
                    'kind', job.kind,
                    'state', job.state,
                    'run_number', job.run_number,
                    'attempt', job.attempt,
                    'max_attempts', job.max_attempts,
                    'error', left(failure.error_class, 200),
                    'pid', failure.pid,
                    'exit_status', failure.exit_status,
                    'signal', failure.signal
                ))::text AS item
            FROM unnest(ids, words) WITH ORDINALITY AS given (id, word, place)
            JOIN job ON job.id = given.id
            LEFT JOIN failure
                ON failure.job_id = job.id AND failure.run_number = job.run_number
                AND given.word <> 'completed'
            WHERE EXISTS (
                SELECT FROM subscriber
                WHERE subscriber.expires_at > now()
                AND (subscriber.events IS NULL OR given.word = ANY (subscriber.events))
                AND (subscriber.kinds IS NULL OR job.kind::text = ANY (subscriber.kinds))
                AND (subscriber.queues IS NULL OR job.queue::text = ANY (subscriber.queues))
            )
        ), paged AS (
            SELECT
                told.place,
                told.item,
                (sum(octet_length(told.item) + 1) OVER (ORDER BY told.place))::bigint / 4000 AS page
            FROM told
        )
        SELECT count(pg_notify(current_schema() || '.event', '[' || page.items || ']'))
        FROM (
            SELECT string_agg(paged.item, ',' ORDER BY paged.place) AS items
            FROM paged
            GROUP BY paged.page
        ) AS page
    );
END
$$;

-- The same for a queue: 'paused' or 'resumed'.
CREATE FUNCTION emit_queue_event(queue text, word text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (
        SELECT count(pg_notify(
            current_schema() || '.event',
            json_build_array(json_build_object(
                'event', word, 'at', clock_timestamp(), 'queue', emit_queue_event.queue
            ))::text
        ))
        FROM (
            SELECT
            FROM subscriber
            WHERE subscriber.expires_at > now()
            AND (subscriber.events IS NULL OR word = ANY (subscriber.events))
            AND (subscriber.queues IS NULL OR emit_queue_event.queue = ANY (subscriber.queues))
            LIMIT 1
        ) AS somebody
    );
END
$$;

-- As in 003, and besides: an end is an event. Whoever ends jobs calls this, so no end goes untold.
CREATE OR REPLACE FUNCTION notify_finished(ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF EXISTS (SELECT FROM subscriber WHERE subscriber.expires_at > now()) THEN
        PERFORM emit_events(array_agg(job.id), array_agg(job.state::text))
        FROM job
        WHERE job.id = ANY (ids) AND job.finalized_at IS NOT NULL;
    END IF;
    RETURN (
        SELECT count(pg_notify(current_schema() || '.finished', waiter.job_id::text))
        FROM waiter
        WHERE waiter.job_id = ANY (ids)
    );
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'drop_notes()', 'notify_noted(uuid[])', 'emit_events(uuid[], text[])',
        'emit_queue_event(text, text)', 'notify_finished(uuid[])'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
