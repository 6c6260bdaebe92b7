-- no-transaction
-- 006_job_running: what a node holds, for rescue and cancellation.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_running ON job (node_id) WHERE state = 'running';
