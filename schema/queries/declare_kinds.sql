-- Write down which kinds a node's app has handlers for.
-- Caller: Store.declare_kinds, when a node has the app.
-- Takes:  $1 node id; $2 the kinds.
-- Locks:  the node's row.
-- Index:  node_pkey.
UPDATE node SET kinds = $2::text[] WHERE node.id = $1::bigint
