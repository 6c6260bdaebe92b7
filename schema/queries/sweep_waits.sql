-- Look at waits that nobody looked at.
-- Caller: Store.sweep_waits, by the leader's Sweeper.
-- Takes:  $1 how many jobs at most, for each reason; $2 the term in which a leader asks, which does nothing if
--         that is over; NULL: anybody else.
-- Locks:  those of wake.sql.
-- Index:  signal_untaken, step_waiting, step_pkey, happening_pkey, job_parent, job_child_open, job_pkey,
--         step_graph, dependency_open.
-- Rows:   one: how many jobs became available, or were ended.
SELECT CASE
    WHEN $2::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $2 AND leader.expires_at > clock_timestamp()
    )
    THEN sweep_dependents($1::integer) + sweep_waits($1::integer)
    ELSE 0
END AS woken
