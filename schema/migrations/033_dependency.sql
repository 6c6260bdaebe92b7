-- 033_dependency: what the jobs of graphs wait for.
-- Why:   a graph's jobs are inserted at once; those that come after others are pending. See 034.
-- Locks: ACCESS EXCLUSIVE on job, for a moment, for a trigger on deletions.
-- Safe while serving: yes.
CREATE TABLE dependency (
    parent_id uuid NOT NULL,                            -- of all these jobs. No foreign key: see 029
    watched uuid NOT NULL,                              -- of the needed: had not ended at the last look
    number integer NOT NULL,                            -- none waits for what a later one lets begin
    looked integer NOT NULL DEFAULT 1,                  -- the place of `watched` among the needed
    hard integer NOT NULL,                              -- so many of the needed, the first, must end well
    released boolean NOT NULL DEFAULT false,            -- those that waited have begun, or were skipped
    parent_place text COLLATE "C" NOT NULL,
    needed uuid[] NOT NULL,
    waiting uuid[] NOT NULL,
    PRIMARY KEY (parent_id, parent_place, number),
    CONSTRAINT dependency_needs CHECK (cardinality(needed) > 0)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, vacuum_truncate = off);
CREATE INDEX dependency_open ON dependency (parent_id, parent_place, number) WHERE NOT released;

CREATE FUNCTION drop_dependencies() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (SELECT FROM dependency) THEN
        DELETE FROM dependency USING gone WHERE dependency.parent_id = gone.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER job_drop_dependencies AFTER DELETE ON job
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION drop_dependencies();

DO $$
DECLARE
    granted name;
BEGIN
    EXECUTE format(
        'ALTER FUNCTION drop_dependencies() SET search_path = %I, pg_temp', current_schema()
    );
    -- Who could serve before can serve on, with the new table, too: see 023.
    FOR granted IN
        SELECT pg_roles.rolname
        FROM pg_class
        CROSS JOIN LATERAL aclexplode(pg_class.relacl) AS rights
        JOIN pg_roles ON pg_roles.oid = rights.grantee
        WHERE pg_class.oid = 'job'::regclass AND rights.privilege_type = 'DELETE'
        AND rights.grantee <> pg_class.relowner
    LOOP
        PERFORM grant_worker(granted);
    END LOOP;
END
$$;
