"""The server of Headrace: actors under a supervisor tree. This is its map.

    kit/          supervision for trio, as OTP means it; knows no jobs
    store/        the only boundary to SQL: protocol, guard, PostgreSQL, memory, bridge, migrator
    distributor   one LISTEN connection, one claim for all Workers; demand and seat: its two sides
    worker        owns one child after the other; its parts: tenure, runs, ladder, post_mortem,
                  capacity
    acker         writes outcomes in batches
    recorder      writes the steps of workflows in batches, and answers their runs; its parts:
                  asking, parking
    waker         looks whether workflows that wait can go on
    scribe        writes what runs tell of themselves, beside it
    forkserver    has children made; child and server_process: its handles
    heartbeat     this node's lease; lease, holdings, identity: what it has and who it is
    control       cancel, pause, resume
    maintenance/  what one node does for all: elector, leader, stager, rescuer, pruner, surveyor
    http/, metrics/, log, events, subscriptions: what can be seen
    parts ─▶ tree ─▶ node: made, arranged, run

To embed a node, or any part of it, in a program of your own, import from here. Names are imported
when they are first asked for, so that the kit alone costs no database driver.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.kit import ChildSpec as ChildSpec
    from actors.kit import Life as Life
    from actors.kit import Restart as Restart
    from actors.kit import Strategy as Strategy
    from actors.kit import Supervisor as Supervisor
    from actors.kit import run_supervised as run_supervised
    from actors.node import make_node as make_node
    from actors.node import open_database as open_database
    from actors.node import serve as serve
    from actors.parts import Parts as Parts
    from actors.parts import make_parts as make_parts
    from actors.store.memory import MemoryStore as MemoryStore
    from actors.store.postgres import PostgresStore as PostgresStore

_MODULE_OF = {
    "ChildSpec": "kit",
    "Life": "kit",
    "MemoryStore": "store.memory",
    "Parts": "parts",
    "PostgresStore": "store.postgres",
    "Restart": "kit",
    "Strategy": "kit",
    "Supervisor": "kit",
    "make_node": "node",
    "make_parts": "parts",
    "open_database": "node",
    "run_supervised": "kit",
    "serve": "node",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
