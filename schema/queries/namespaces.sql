-- All namespaces of this database: schemas that have our tables.
-- Caller: runtime.client, NamespaceWork.list.
-- Locks:  none.
-- Plan:   scans of the catalogue.
-- Rows:   one a namespace, by name; whether it is disabled, and whether we may read it.
SELECT
    space.nspname::text AS name,
    EXISTS (
        SELECT FROM pg_trigger
        WHERE pg_trigger.tgrelid = job.oid AND pg_trigger.tgname = 'job_disabled_insert'
    ) AS disabled,
    has_schema_privilege(space.oid, 'USAGE')
    AND has_table_privilege(migration.oid, 'SELECT')
    AND has_table_privilege(node.oid, 'SELECT') AS readable
FROM pg_namespace AS space
JOIN pg_class AS job ON job.relnamespace = space.oid AND job.relname = 'job'
JOIN pg_class AS node ON node.relnamespace = space.oid AND node.relname = 'node'
JOIN pg_class AS leader ON leader.relnamespace = space.oid AND leader.relname = 'leader'
JOIN pg_class AS migration ON migration.relnamespace = space.oid AND migration.relname = 'migration'
ORDER BY space.nspname
