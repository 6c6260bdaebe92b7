-- Undo 018_job_count_base: there is nothing to undo; the sums go with their table.
SELECT 1;
