-- Switch a namespace on again, and wake its nodes.
-- Caller: runtime.client, NamespaceWork.enable; with the namespace as search_path.
-- Locks:  SHARE ROW EXCLUSIVE on job: waits for the transactions that write it.
-- Rows:   one: whether it was off.
SELECT enable_namespace() AS changed
