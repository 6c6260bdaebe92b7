-- Undo 029_workflows: what workflows have done is forgotten, and children are jobs like others. A job
-- that waited for what nobody can bring any more runs again.
UPDATE job SET state = 'available'
WHERE job.state = 'pending' AND job.sequence IS NOT TRUE AND (job.run_number > 0 OR job.parent_id IS NOT NULL);
DROP FUNCTION sweep_waits(integer);
DROP FUNCTION forget_failures(uuid[]);
DROP FUNCTION step_is_followed(uuid, text);
DROP FUNCTION tell_workflows(uuid[]);
DROP FUNCTION wake_jobs(uuid[]);
DROP FUNCTION cancel_children(uuid[], integer);
DROP FUNCTION spawn_children(uuid, integer, text, json, json, integer, boolean);
DROP FUNCTION release_children(uuid, text, integer);
DROP FUNCTION room_for_children(uuid, text, integer);
DROP FUNCTION children_over(uuid, text, text);
DROP FUNCTION emit_event(text, jsonb);
DROP FUNCTION send_signal(uuid, text, jsonb, uuid);
CREATE OR REPLACE FUNCTION drop_notes() RETURNS trigger
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
DO $$
BEGIN
    EXECUTE replace(
        pg_get_functiondef('enqueue_duplicate(json)'::regprocedure),
        ' AND NOT EXISTS (SELECT FROM step WHERE step.job_id = job.id)', ''
    );
END
$$;
DROP TABLE happening;
DROP TABLE published;
DROP TABLE signal;
DROP TABLE step;
ALTER TABLE job DROP COLUMN parent_id, DROP COLUMN parent_place;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION drop_notes() SET search_path = %I, pg_temp', current_schema());
END
$$;
