"""The guardian: a small process that keeps one PostgreSQL server for all users of a data directory.

```
user process ──connection──▶ guardian ──parent of──▶ postgres
user process ──connection──▶     │
                                 └─ the last connection gone: stops postgres and ends
```

Rules:
- A user is a process that holds a connection. The kernel closes it however that process ends, so no
  list of users can go stale, and kill -9 of any user, of all users or of the guardian needs no
  clean-up by anyone else.
- The postmaster dies with the guardian (PDEATHSIG). The guardian has one thread only, because
  that signal comes at the end of the thread that made the child; and it lives in its own session,
  so that Ctrl-C reaches the user's program and not the database that it drains into.
- A postmaster that ends by itself is started again, as long as there are users.
- Runs as `python -I -S boot.py`: it imports the standard library and this package, nothing else,
  not even `runtime/__init__.py`. That is why its data are NamedTuples and not attrs classes.
"""
