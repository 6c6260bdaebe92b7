-- Undo 020_limits: limits, and what was assigned to nodes, are lost.
DROP FUNCTION claim_limited(bigint, text, text[], integer);
DROP FUNCTION take_turns(queue, text[], integer, jsonb, timestamptz, double precision);
DROP FUNCTION running_of(queue);
DROP FUNCTION rate_after(timestamptz, timestamptz, double precision, integer, integer);
DROP FUNCTION rate_waits(timestamptz, timestamptz, double precision, integer);
DROP FUNCTION rate_allows(timestamptz, timestamptz, double precision, integer);
ALTER TABLE node DROP COLUMN assigned;
DROP TABLE key_rate;
ALTER TABLE queue
    DROP COLUMN concurrency, DROP COLUMN per_key, DROP COLUMN rate_count, DROP COLUMN rate_seconds,
    DROP COLUMN rate_burst, DROP COLUMN rate_per_key, DROP COLUMN fair, DROP COLUMN limited_at,
    DROP COLUMN free_at, DROP COLUMN turn, DROP COLUMN walked, DROP COLUMN marked_at;
ALTER TABLE queue RESET (fillfactor, autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor);
ALTER TABLE job DROP COLUMN limited;
