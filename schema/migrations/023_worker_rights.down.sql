-- Undo 023_worker_rights: what was granted stays; grants to come are those of 008.
CREATE OR REPLACE FUNCTION grant_worker(role name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON job, failure, queue, node, leader, schedule, waiter'
        ' TO %I', role
    );
    EXECUTE format('GRANT SELECT ON migration TO %I', role);
END
$$;
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION grant_worker(name) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
