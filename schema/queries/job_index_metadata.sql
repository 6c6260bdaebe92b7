-- An optional index: finds jobs by their metadata that contain an object. Each job pays for it at its enqueue, claim and ack.
-- Caller: actors.store.job_indexes; not inside a transaction.
-- Locks:  SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
CREATE INDEX CONCURRENTLY job_by_metadata ON job USING gin (metadata jsonb_path_ops)
