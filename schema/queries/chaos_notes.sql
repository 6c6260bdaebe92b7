-- Have it noted when the row leader changes, and when a job is staged or pruned: by which node, and who
-- was the leader. Nothing else but stage makes a job available that was not due, and the campaign
-- deletes none.
-- Caller: scripts/chaos leader, before its nodes start.
-- Locks:  SHARE ROW EXCLUSIVE on leader and job, which nobody uses yet.
DO $watch$
BEGIN
    CREATE UNLOGGED TABLE chaos_note (
        what text NOT NULL,                 -- term, staged, pruned
        node text,                          -- who did it: the setting chaos.node of its session
        began_at timestamptz NOT NULL,      -- its statement
        noted_at timestamptz NOT NULL,
        term bigint NOT NULL,               -- the row leader, as it was then: its term,
        holder_pid integer,                 -- the process of its node, NULL if it had none,
        expires_at timestamptz NOT NULL,    -- and its end
        due_at timestamptz                  -- of a staged job
    );
    CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $note$
    BEGIN
        INSERT INTO chaos_note
        SELECT
            TG_ARGV[0], current_setting('chaos.node', true), statement_timestamp(),
            clock_timestamp(), leader.term, node.pid, leader.expires_at,
            (to_jsonb(OLD) ->> 'scheduled_at')::timestamptz
        FROM leader LEFT JOIN node ON node.id = leader.node_id;
        RETURN NULL;
    END
    $note$;
    CREATE TRIGGER chaos_term AFTER UPDATE ON leader
    FOR EACH ROW EXECUTE FUNCTION chaos_note('term');
    CREATE TRIGGER chaos_staged AFTER UPDATE ON job
    FOR EACH ROW WHEN (OLD.state IN ('scheduled', 'retryable') AND NEW.state = 'available')
    EXECUTE FUNCTION chaos_note('staged');
    CREATE TRIGGER chaos_pruned AFTER DELETE ON job
    FOR EACH ROW EXECUTE FUNCTION chaos_note('pruned');
END
$watch$
