-- Undo 021_sequences. Jobs that wait for another one of their key are made available: all at once.
DROP TRIGGER job_sequence_begins ON job;
DROP TRIGGER job_sequence_enqueued ON job;
DROP TRIGGER job_sequence_changed ON job;
DROP TRIGGER job_sequence_deleted ON job;
UPDATE job SET state = 'available' WHERE sequence AND state = 'pending';
DROP FUNCTION settle_sequences();
DROP FUNCTION sequence_changed();
DROP FUNCTION sequence_enqueued();
DROP FUNCTION sequence_begins();
DROP FUNCTION look_at_sequence(text, text);
DROP FUNCTION promote_sequence(text, text);
DROP FUNCTION sequence_is_ahead(text, text);
DROP FUNCTION sequence_lock(text, text);
DROP FUNCTION sequence_turns_left();
DROP TABLE sequence_due;
