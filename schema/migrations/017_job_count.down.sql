-- Undo 017_job_count.
DROP TRIGGER job_count_inserted ON job;
DROP TRIGGER job_count_updated ON job;
DROP TRIGGER job_count_deleted ON job;
DROP TRIGGER job_count_truncated ON job;
DROP FUNCTION count_inserted();
DROP FUNCTION count_updated();
DROP FUNCTION count_deleted();
DROP FUNCTION count_truncated();
DROP TABLE job_count;
