-- All that was noted of the leader, in its order. Times are seconds before this statement.
-- Caller: scripts/chaos leader.
-- Locks:  none.  Plan: reads the whole table.
SELECT
    chaos_note.what, chaos_note.node, chaos_note.term, chaos_note.holder_pid,
    extract(epoch FROM statement_timestamp() - chaos_note.began_at)::double precision AS began,
    extract(epoch FROM statement_timestamp() - chaos_note.noted_at)::double precision AS noted,
    extract(epoch FROM statement_timestamp() - chaos_note.due_at)::double precision AS due,
    -- A row that never had a leader ends at -infinity, from which nothing can be subtracted.
    extract(
        epoch FROM statement_timestamp() - greatest(chaos_note.expires_at, 'epoch')
    )::double precision AS expires
FROM chaos_note
ORDER BY chaos_note.noted_at
