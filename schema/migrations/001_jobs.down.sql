-- Undo 001_jobs: all jobs and their history are lost.
DROP TABLE waiter, schedule, leader, node, queue, failure, job;
DROP DOMAIN job_args, job_output, job_metadata, job_tags, job_name;
DROP TYPE job_state;
