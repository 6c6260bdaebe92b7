"""Nodes and the leader's term, as their statements in schema/queries have them."""

from __future__ import annotations

from itertools import count

from actors.store.memory.rows import NodeEntry
from actors.store.memory.state import State
from actors.store.protocol import NodeInfo, NodeRow, Term

_ids = count(1)


def join(state: State, info: NodeInfo, lease_seconds: float) -> int:
    """See Store.join."""
    now = state.clock.now()
    node_id = max(state.nodes, default=0) + 1
    state.nodes[node_id] = NodeEntry(node_id, info, now, now, now + lease_seconds)
    return node_id
