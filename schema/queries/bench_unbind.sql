-- Let enqueue_many find names where its caller does, so that it meets what bench_silence.sql made.
-- Caller: scripts/bench enqueue.
-- Locks:  none that anybody waits for.
ALTER FUNCTION enqueue_many(json, integer) RESET search_path
