-- Prolong a lease that has not run out.
-- Caller: Store.renew.
-- Takes:  $1 node id, $2 seconds.
-- Locks:  the node's row. Where rescue holds it, this waits, and then finds ended_at set, whatever
--         the clock says. Where this holds it, rescue leaves the node alone.
-- Index:  node_pkey.
-- Rows:   one if it was prolonged, else none.
UPDATE node
SET heartbeat_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => $2::double precision)
WHERE id = $1::bigint AND ended_at IS NULL AND expires_at > clock_timestamp()
RETURNING id
