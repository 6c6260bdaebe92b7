-- Enqueue jobs, all or none.
-- Caller: Store.enqueue. (Clients send client_enqueue.sql.)
-- Takes:  $1 a JSON array of jobs, with enqueue's parameters as keys; $2 the limit of args in bytes.
-- Locks:  those of INSERT.
-- Rows:   one a job, in order: its place from 0, its id, and whether it was new.
SELECT new.index, new.id, new.inserted
FROM enqueue_many($1::text::json, $2::integer) AS new
