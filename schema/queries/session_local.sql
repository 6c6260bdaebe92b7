-- Settings of this transaction alone.
-- Caller: the bridge, at the head of each unit behind a transaction pooler, where a session's own
-- settings would be someone else's by the next transaction.
-- Takes: $1 names, $2 values.  Locks: none.
SELECT set_config(setting.name, setting.value, true)
FROM unnest($1::text[], $2::text[]) AS setting (name, value)
