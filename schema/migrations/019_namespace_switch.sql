-- 019_namespace_switch: switch a namespace off and on again.
-- Why:   while it is off nothing is claimed and nothing can be enqueued, by whomever. What runs goes on, and
--        its outcomes are written. The switch is a pair of triggers, made when it is turned off: so it
--        costs nothing while it is on.
-- Locks: none. To turn it takes SHARE ROW EXCLUSIVE on job, for a moment.
-- Safe while serving: yes.
-- Errors: HR003, the namespace is switched off.
CREATE FUNCTION refuse_insert() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'HR003',
        MESSAGE = format('the namespace %s is disabled: nothing can be enqueued', TG_TABLE_SCHEMA),
        HINT = format('python -m runtime namespace enable %s', TG_TABLE_SCHEMA);
END
$$;

-- A claim takes nothing; nobody is told why, for nodes ask again and again. What claim.sql has counted as
-- taken is taken back (see 017_job_count).
CREATE FUNCTION refuse_claim() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    IF current_setting('hr.counts', true) = 'own' AND pg_trigger_depth() = 1 THEN
        INSERT INTO job_count (queue, state, jobs)
        VALUES (OLD.queue, OLD.state, 1), (NEW.queue, NEW.state, -1);
    END IF;
    RETURN NULL;
END
$$;

-- Both return whether there was anything to do.
CREATE FUNCTION disable_namespace() RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    LOCK TABLE job IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = 'job'::regclass AND tgname = 'job_disabled_insert'
    ) THEN
        RETURN false;
    END IF;
    CREATE TRIGGER job_disabled_insert BEFORE INSERT ON job
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_insert();
    CREATE TRIGGER job_disabled_claim BEFORE UPDATE ON job
    FOR EACH ROW WHEN (new.state = 'running' AND old.state <> 'running')
    EXECUTE FUNCTION refuse_claim();
    RETURN true;
END
$$;

CREATE FUNCTION enable_namespace() RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    LOCK TABLE job IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = 'job'::regclass AND tgname = 'job_disabled_insert'
    ) THEN
        RETURN false;
    END IF;
    DROP TRIGGER job_disabled_insert ON job;
    DROP TRIGGER job_disabled_claim ON job;
    PERFORM pg_notify(current_schema() || '.wakeup', served.queue)
    FROM (SELECT DISTINCT unnest(node.queues) AS queue FROM node WHERE node.ended_at IS NULL) AS served;
    RETURN true;
END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['refuse_claim', 'disable_namespace', 'enable_namespace'] LOOP
        EXECUTE format(
            'ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema()
        );
    END LOOP;
END
$$;
