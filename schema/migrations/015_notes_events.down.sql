-- Undo 015_notes_events. What runs told is lost.
CREATE OR REPLACE FUNCTION notify_finished(ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (
        SELECT count(pg_notify(current_schema() || '.finished', waiter.job_id::text))
        FROM waiter
        WHERE waiter.job_id = ANY (ids)
    );
END
$$;
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION notify_finished(uuid[]) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
DROP FUNCTION emit_queue_event(text, text);
DROP FUNCTION emit_events(uuid[], text[]);
DROP FUNCTION notify_noted(uuid[]);
DROP TRIGGER job_drop_notes ON job;
DROP FUNCTION drop_notes();
DROP TABLE subscriber, follower, log, note;
ALTER TABLE job DROP COLUMN cancel_reason;
