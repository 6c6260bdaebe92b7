-- Ask for no more events.
-- Caller: runtime.client.  Takes: $1 the subscriber's id.  Locks: its row.
DELETE FROM headrace.subscriber WHERE subscriber.id = CAST($1 AS uuid)
