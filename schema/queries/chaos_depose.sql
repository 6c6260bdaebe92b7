-- Take the term from whoever has it, behind the leader's back.
-- Caller: scripts/chaos leader.
-- Locks:  the one row of leader.
-- Rows:   none.
UPDATE leader SET node_id = NULL, expires_at = now() WHERE leader.expires_at > now()
