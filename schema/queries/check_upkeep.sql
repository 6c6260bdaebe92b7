-- What an operator should know of the tables' upkeep.
-- Caller: the command `check`.
-- Takes:  $1 namespace.
-- Locks:  none.  Plan: scans of the catalogue, and of schedule.
-- Rows:   one: tables on which autovacuum was switched off, or whose settings are not those of the
--         migrations any more; and schedules that cannot be planned.
SELECT
    ARRAY(
        SELECT relation.relname::text
        FROM pg_class AS relation
        JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
        WHERE namespace.nspname = $1::text AND relation.relkind = 'r'
        AND EXISTS (
            SELECT FROM pg_options_to_table(relation.reloptions) AS option
            WHERE option.option_name = 'autovacuum_enabled' AND NOT option.option_value::boolean
        )
        ORDER BY relation.relname
    ) AS never_vacuumed,
    ARRAY(
        SELECT DISTINCT relation.relname::text
        FROM (
            VALUES
                ('job', 'fillfactor'), ('job', 'autovacuum_vacuum_scale_factor'),
                ('job', 'autovacuum_vacuum_insert_scale_factor'),
                ('failure', 'autovacuum_vacuum_scale_factor'),
                ('step', 'autovacuum_vacuum_scale_factor'),
                ('node', 'fillfactor'), ('schedule', 'fillfactor')
        ) AS ours (table_name, option_name)
        JOIN pg_namespace AS namespace ON namespace.nspname = $1::text
        JOIN pg_class AS relation
            ON relation.relnamespace = namespace.oid AND relation.relname = ours.table_name
        WHERE NOT EXISTS (
            SELECT FROM pg_options_to_table(relation.reloptions) AS option
            WHERE option.option_name = ours.option_name
        )
        ORDER BY relation.relname::text
    ) AS reset,
    ARRAY(
        SELECT schedule.name::text FROM schedule WHERE schedule.problem IS NOT NULL
        ORDER BY schedule.name
        LIMIT 10
    ) AS broken_schedules
