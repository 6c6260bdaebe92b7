"""Nodes and the leader's term, as their statements in schema/queries have them."""

from __future__ import annotations

from collections.abc import Sequence

from actors.store.memory.rows import NodeEntry
from actors.store.memory.state import State
from actors.store.protocol import NodeInfo, NodeProcess, NodeRow, Term


def join(state: State, info: NodeInfo, lease_seconds: float) -> int:
    """See Store.join."""
    now = state.clock.now()
    state.last_node_id += 1
    node = NodeEntry(state.last_node_id, info, now, now, now + lease_seconds)
    state.nodes[node.id] = node
    return node.id


def renew(state: State, node_id: int, lease_seconds: float) -> bool:
    """See Store.renew."""
    if not state.lives(node_id):
        return False
    node = state.nodes[node_id]
    node.heartbeat_at = state.clock.now()
    node.expires_at = node.heartbeat_at + lease_seconds
    return True


def neighbours(state: State, node_id: int) -> list[NodeProcess]:
    """See Store.neighbours."""
    me = state.nodes.get(node_id)
    return [
        NodeProcess(node.id, node.info.pid, node.info.pid_started)
        for node in state.nodes.values()
        if me is not None and node is not me
        if node.ended_at is None and node.info.boot_id == me.info.boot_id
    ]


def want_wakeups(state: State, node_id: int, wanted: bool) -> None:
    """See Store.want_wakeups."""
    if state.lives(node_id):
        state.nodes[node_id].wants_wakeups = wanted


def declare_kinds(state: State, node_id: int, kinds: Sequence[str]) -> None:
    """See Store.declare_kinds."""
    if node_id in state.nodes:
        state.nodes[node_id].kinds = tuple(kinds)


def leave(state: State, node_id: int) -> None:
    """See Store.leave."""
    node = state.nodes.get(node_id)
    if node is not None and node.ended_at is None:
        node.ended_at = state.clock.now()
        node.expires_at = min(node.expires_at, node.ended_at)


def elect(state: State, node_id: int, term_seconds: float) -> Term:
    """See Store.elect."""
    now = state.clock.now()
    term = state.term
    mine = term.node_id == node_id
    running = term.expires_at > now
    if state.lives(node_id) and (mine or not running):
        term.number += not (mine and running)
        term.node_id = node_id
        term.expires_at = now + term_seconds
        return Term(term.number, held=True, expires_seconds=term_seconds)
    return Term(term.number, held=False, expires_seconds=max(0.0, term.expires_at - now))


def resign(state: State, node_id: int) -> None:
    """See Store.resign."""
    if state.term.node_id == node_id:
        state.term.node_id = None
        state.term.expires_at = state.clock.now()


def nodes(state: State) -> list[NodeRow]:
    """See Store.nodes."""
    rows = [_row(state, node) for node in state.nodes.values()]
    return sorted(rows, key=lambda row: (not row.live, -row.id))


def _row(state: State, node: NodeEntry) -> NodeRow:
    clock = state.clock
    leads = state.term.node_id == node.id and state.term.expires_at > clock.now()
    return NodeRow(
        id=node.id,
        name=node.info.name,
        host=node.info.host,
        pid=node.info.pid,
        version=node.info.version,
        queues=node.info.queues,
        workers=node.info.workers,
        started_at=clock.date(node.started_at),
        heartbeat_at=clock.date(node.heartbeat_at),
        expires_at=clock.date(node.expires_at),
        live=state.lives(node.id),
        leader=leads,
        running=len(state.held_by(node.id)),
        kinds=node.kinds,
    )
