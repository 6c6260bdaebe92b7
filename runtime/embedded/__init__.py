"""Embedded PostgreSQL: a database without installing or configuring one.

```python
with Server.attach() as server:
    print(server.url)  # postgresql://postgres@/postgres?host=...
```

The first process that attaches to a data directory starts its server, others share it, the last
one that leaves (or is killed) takes it down; `runtime.embedded.guardian` says how. For Linux; on
macOS, where nothing was tried yet, a server outlives a guardian that is killed with SIGKILL.
"""

from runtime.embedded.errors import EmbeddedPostgresError
from runtime.embedded.server import Server

__all__ = ["EmbeddedPostgresError", "Server"]
