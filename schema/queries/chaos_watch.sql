-- Have it noted, with its time, when a job goes back from running to available.
-- Caller: scripts/chaos deploy, before its nodes start.
-- Locks:  SHARE ROW EXCLUSIVE on job, which nobody uses yet.
DO $watch$
BEGIN
    CREATE TABLE chaos_hand_back (
        job_id uuid NOT NULL, run_number integer NOT NULL, handed_at timestamptz NOT NULL
    );
    CREATE FUNCTION chaos_note_hand_back() RETURNS trigger LANGUAGE plpgsql AS $note$
    BEGIN
        INSERT INTO chaos_hand_back VALUES (OLD.id, OLD.run_number, clock_timestamp());
        RETURN NULL;
    END
    $note$;
    CREATE TRIGGER chaos_hand_back AFTER UPDATE ON job
    FOR EACH ROW WHEN (OLD.state = 'running' AND NEW.state = 'available')
    EXECUTE FUNCTION chaos_note_hand_back();
END
$watch$
