"""The benches: what Headrace does in a second and what that costs, measured on this machine.

    __main__ ─▶ site (database, namespaces) ─▶ a bench ─▶ figures ─▶ report (table or JSON)
                 └─ node (a real `serve`), work (jobs in, all done), bare (SQL alone), processes

A bench is a file with its method in its docstring, and with `options` (its flags) and `run` (its
figures). Rules: a node has default settings but for its app and HTTP; figures carry their unit as
suffix; times of jobs are the database's unless a method says otherwise; the database is durable.
"""
