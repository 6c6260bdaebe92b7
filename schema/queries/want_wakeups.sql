-- Say whether a node wants a wakeup for each job that is enqueued in its queues.
-- Caller: Store.want_wakeups.
-- Takes:  $1 node id, $2 whether it does.
-- Locks:  the node's row.
-- Index:  node_pkey.
-- Rows:   none.
UPDATE node SET wants_wakeups = $2::boolean WHERE id = $1::bigint AND ended_at IS NULL
