-- 010_holds_key: in which states a unique job holds its key.
-- Why:   job_unique needs it, before any job can be unique.
-- Locks: none that anybody could wait for: the function is new.
-- Safe while serving: yes.

-- In the states that it names; and where those leave out `running`, not after its first run has begun.
-- So no run's end can lead into a state in which another holds the key: see runtime/unique.py.
-- Not in SQL: that would be put in place into the index's predicate, which every statement that writes jobs
-- makes ready: 10 us, where few jobs are unique.
CREATE FUNCTION holds_key(state job_state, unique_states bit, run_number integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN
        get_bit(
            unique_states,
            CASE state
                WHEN 'available' THEN 0
                WHEN 'scheduled' THEN 1
                WHEN 'pending' THEN 2
                WHEN 'running' THEN 3
                WHEN 'retryable' THEN 4
                WHEN 'cancelled' THEN 5
                WHEN 'discarded' THEN 6
                WHEN 'completed' THEN 7
            END
        ) = 1
        AND (run_number = 0 OR get_bit(unique_states, 3) = 1);
END
$$;
