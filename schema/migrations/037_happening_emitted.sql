-- no-transaction
-- 037_happening_emitted: the oldest events first, for who prunes them.
-- Locks: SHARE UPDATE EXCLUSIVE on happening; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY happening_emitted ON happening (emitted_at);
