-- no-transaction
-- 011_job_unique: of jobs with one key, one holds it; only unique jobs have an entry here.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE UNIQUE INDEX CONCURRENTLY job_unique ON job (unique_key)
WHERE unique_key IS NOT NULL AND holds_key(state, unique_states, run_number);
