-- Undo 013_schedules: what schedules had beyond name, kind and times is lost.
DROP TRIGGER schedule_notify ON schedule;
DROP TRIGGER schedule_changed ON schedule;
DROP FUNCTION schedule_notify(), schedule_changed();
ALTER TABLE node DROP COLUMN schedules, DROP COLUMN kinds;
ALTER TABLE schedule RESET (
    fillfactor, autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor
);
ALTER TABLE schedule
    DROP COLUMN key, DROP COLUMN sequence, DROP COLUMN expires_seconds, DROP COLUMN overlap,
    DROP COLUMN definition, DROP COLUMN problem, DROP COLUMN last_job_id,
    DROP CONSTRAINT schedule_timeout_range, DROP CONSTRAINT schedule_metadata_size,
    DROP CONSTRAINT schedule_catch_up_range;
