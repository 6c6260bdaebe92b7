-- What chaos_watch.sql has had noted.
-- Caller: scripts/chaos deploy.
-- Locks:  none.  Plan: reads the whole table.
-- Rows:   one each time that a job went back, in order; `age` is how many seconds before this
--         statement that was.
SELECT
    chaos_hand_back.job_id, chaos_hand_back.run_number,
    extract(epoch FROM statement_timestamp() - chaos_hand_back.handed_at)::double precision AS age
FROM chaos_hand_back
ORDER BY chaos_hand_back.handed_at
