-- 017_job_count: how many jobs there are, by queue and state, without counting them.
-- Why:   to count ten million rows takes seconds, and was asked for every 15 seconds. So each statement
--        that writes jobs, whoever sends it, adds what it changed to job_count, in its own transaction:
--        the sum is right in every snapshot, whatever is rolled back or crashes. Rows are only added, so
--        no two writers wait for each other; whoever reads the sum folds them when they are many.
-- How:   triggers add it, but for the updates that each job meets: claim, ack and release add what they
--        change by themselves, a row a queue and state, and have set hr.counts to 'own' for that,
--        until the end of their transaction, which is one statement long. What other triggers do meanwhile,
--        is counted: they are deeper. A trigger with transition tables would copy each row twice whatever
--        it then did, and a condition on OLD would take all of it apart: each was a twentieth of what
--        a claim or an ack costs.
-- Rule:  a statement that sets it is a transaction of its own, calls no function that writes jobs, and
--        adds to job_count whatever it changes.
-- Locks: SHARE ROW EXCLUSIVE on job, for a moment: waits for the transactions that write it.
-- Safe while serving: yes; what is there already is added by the next migration.
CREATE TABLE job_count (
    queue text NOT NULL,
    state job_state NOT NULL,
    jobs bigint NOT NULL                                -- so many more, or fewer
) WITH (
    -- It is folded every few seconds, so most of it is dead.
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0,
    vacuum_truncate = off
);
-- It has no key, as nothing looks for a row of it; where tables are published, its deletes need one.
ALTER TABLE job_count REPLICA IDENTITY FULL;

-- With its owner's rights: whoever may write jobs need not be able to write counts.
CREATE FUNCTION count_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    INSERT INTO job_count (queue, state, jobs)
    SELECT written.queue, written.state, count(*)
    FROM written
    GROUP BY written.queue, written.state;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    IF NEW.state <> OLD.state OR NEW.queue <> OLD.queue THEN
        INSERT INTO job_count (queue, state, jobs)
        VALUES (OLD.queue, OLD.state, -1), (NEW.queue, NEW.state, 1);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    INSERT INTO job_count (queue, state, jobs)
    SELECT gone.queue, gone.state, -count(*)
    FROM gone
    GROUP BY gone.queue, gone.state;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    DELETE FROM job_count;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'count_inserted', 'count_updated', 'count_deleted', 'count_truncated'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema()
        );
    END LOOP;
END
$$;

CREATE TRIGGER job_count_inserted AFTER INSERT ON job
REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION count_inserted();
-- Without a list of columns: a trigger of somebody else may change one that the statement does not name.
CREATE TRIGGER job_count_updated AFTER UPDATE ON job FOR EACH ROW
WHEN (current_setting('hr.counts', true) IS DISTINCT FROM 'own' OR pg_trigger_depth() > 0)
EXECUTE FUNCTION count_updated();
CREATE TRIGGER job_count_deleted AFTER DELETE ON job
REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION count_deleted();
CREATE TRIGGER job_count_truncated AFTER TRUNCATE ON job
FOR EACH STATEMENT EXECUTE FUNCTION count_truncated();
