-- Jobs that were cancelled long ago, for the pruner.
-- Caller: scripts/chaos leader.
-- Takes:  $1 how many.
-- Locks:  none that anybody waits for.
INSERT INTO job (id, kind, state, created_at, scheduled_at, finalized_at)
SELECT uuid7(place), 'old', 'cancelled', long_ago.at, long_ago.at, long_ago.at
FROM
    generate_series(1, $1::integer) AS place,
    (SELECT now() - interval '2 hours' AS at) AS long_ago
