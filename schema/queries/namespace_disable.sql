-- Switch a namespace off: nothing is claimed, and nothing can be enqueued.
-- Caller: runtime.client, NamespaceWork.disable; with the namespace as search_path.
-- Locks:  SHARE ROW EXCLUSIVE on job: waits for the transactions that write it.
-- Rows:   one: whether it was on.
SELECT disable_namespace() AS changed
