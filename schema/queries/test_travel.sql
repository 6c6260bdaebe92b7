-- Let time pass for all that is written in a namespace: every time in it becomes so much earlier.
-- Caller: runtime.testing.travel; it puts its namespace for `headrace` and its seconds for 0.0.
-- Locks:  every table of the namespace but those left out, one after the other.
-- Left out: what is renewed by the clock's own time (leases, terms, wishes to be told), and what was
-- migrated when.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT
            class.relname AS table_name,
            string_agg(
                format('%1$I = %1$I - make_interval(secs => 0.0)', attribute.attname), ', '
            ) AS moves
        FROM pg_class AS class
        JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
        WHERE class.relnamespace = 'headrace'::regnamespace AND class.relkind = 'r'
        AND class.relname NOT IN ('follower', 'leader', 'migration', 'node', 'subscriber', 'waiter')
        AND attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attgenerated = ''
        AND attribute.atttypid = 'timestamptz'::regtype
        GROUP BY class.relname
        ORDER BY class.relname
    LOOP
        EXECUTE format('UPDATE %I.%I SET %s', 'headrace', found.table_name, found.moves);
    END LOOP;
    PERFORM pg_notify('headrace.due', '');
END
$$
