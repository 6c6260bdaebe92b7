-- Undo 003_notify_finished.
DROP FUNCTION notify_finished(uuid[]);
