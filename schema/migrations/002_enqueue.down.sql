-- Undo 002_enqueue.
DROP FUNCTION enqueue(
    text, jsonb, text, integer, integer, timestamptz, double precision, double precision, text[],
    jsonb, uuid
);
DROP FUNCTION enqueue_many(json, integer);
DROP FUNCTION refuse_two_times(integer);
DROP FUNCTION refuse_payload(text, integer, integer, integer);
DROP FUNCTION uuid7(integer);
