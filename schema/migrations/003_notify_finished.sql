-- 003_notify_finished: tell those who wait for a job's end.
-- Why:   a NOTIFY for each finished job would take a lock that all commits share; this one is sent only
--        for jobs in `waiter`. It must be a function: as it is volatile, its query has a snapshot of its
--        own, taken after the rows of these jobs were locked by the statement that calls it. A waiter
--        writes its row, commits, and then reads the job FOR SHARE. So either this query sees the
--        waiter's row, or the waiter's read waits for our commit and sees the job's end. Without
--        that, both could look a moment too early.
-- Locks: none.
-- Safe while serving: yes.

-- Returns how many were told of.
CREATE FUNCTION notify_finished(ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (
        SELECT count(pg_notify(current_schema() || '.finished', waiter.job_id::text))
        FROM waiter
        WHERE waiter.job_id = ANY (ids)
    );
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION notify_finished(uuid[]) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
