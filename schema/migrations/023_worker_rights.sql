-- 023_worker_rights: rights for workers on what has come since 008.
-- Why:   a role that serves needs the tables of notes, events, limits, sequences, schedules and counts, too.
-- Locks: none.
-- Safe while serving: yes.
-- Errors: as in 008.

-- A worker can do all that a node and a client do with the rows of every table. It cannot change the
-- tables, nor what is recorded of migrations; so indexes are rebuilt by their owner alone.
CREATE OR REPLACE FUNCTION grant_worker(role name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I',
        current_schema(), role
    );
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON migration FROM %I', role);
END
$$;

DO $$
DECLARE
    granted name;
BEGIN
    EXECUTE format(
        'ALTER FUNCTION grant_worker(name) SET search_path = %I, pg_temp', current_schema()
    );
    -- Who could serve before can serve on.
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
