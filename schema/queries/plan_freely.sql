-- Let the planner choose, for the rest of this transaction, as if nobody had set anything.
-- Caller: Store.jobs and counts, whose best plan depends on their filters. The hot statements'
-- connections are bound to index plans otherwise (HOT_SESSION).
SELECT set_config(setting.name, setting.value, true)
FROM (
    VALUES
        ('enable_seqscan', 'on'), ('enable_bitmapscan', 'on'), ('enable_hashjoin', 'on'),
        ('enable_mergejoin', 'on'), ('plan_cache_mode', 'force_custom_plan')
) AS setting (name, value)
