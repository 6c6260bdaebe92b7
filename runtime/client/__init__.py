"""Clients: how programs enqueue jobs and wait for their ends.

    handler.enqueue(conn, ...) ─▶ caller ─▶ connections ─▶ on_<library> ─┐
    Client, TrioClient ─▶ thread ─▶ core (asyncio, asyncpg) ◀─ AsyncClient  ├─▶ client_enqueue.sql
                                     └─ bulk, waiting ───────────────────┘

On the caller's own connection (`enqueue_many`, and `enqueue` of a handler) nothing but the caller's
own library is needed. The clients own a pool of asyncpg connections: `Client` for sync code,
`AsyncClient` for asyncio, `TrioClient` for trio. Names are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.client.asyncio_client import AsyncClient as AsyncClient
    from runtime.client.caller import enqueue_many as enqueue_many
    from runtime.client.handle import BulkResult as BulkResult
    from runtime.client.handle import JobHandle as JobHandle
    from runtime.client.sync_client import Client as Client
    from runtime.client.trio_client import TrioClient as TrioClient

_MODULE_OF = {
    "AsyncClient": "asyncio_client",
    "BulkResult": "handle",
    "Client": "sync_client",
    "JobHandle": "handle",
    "TrioClient": "trio_client",
    "enqueue_many": "caller",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
