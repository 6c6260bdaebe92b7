-- Undo 016_queue_retention: queues are kept by the nodes' options again.
ALTER TABLE queue
    DROP COLUMN keep_completed_seconds,
    DROP COLUMN keep_cancelled_seconds,
    DROP COLUMN keep_discarded_seconds;
