-- Add a node and begin its lease.
-- Caller: Store.join.
-- Takes:  $1 name, $2 host, $3 boot id, $4 pid, $5 when the process started, $6 version, $7 queues,
--         $8 workers, $9 seconds of lease.
-- Locks:  none that anybody waits for.
-- Rows:   one: the node's id.
INSERT INTO node (
    name, host, boot_id, pid, pid_started, version, queues, workers, expires_at
)
VALUES (
    $1::text, $2::text, $3::text, $4::integer, $5::text, $6::text, $7::text[], $8::integer,
    clock_timestamp() + make_interval(secs => $9::double precision)
)
RETURNING id
