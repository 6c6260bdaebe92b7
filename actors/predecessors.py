"""What a node that was killed on this machine holds: given back as soon as another one starts.

Rule: only a process that certainly is gone is believed to be: same boot, same pid namespace, and no
process of that pid that was started when it was. Its children died with it. All others keep their
lease, and whoever cannot be judged loses it when it runs out.
"""

from __future__ import annotations

from actors import events
from actors.identity import process_started
from actors.retry import answered
from actors.store.protocol import NodeProcess, Store
from runtime.errors import StoreUnavailable

# Jobs in one statement.
BATCH = 5_000


async def rescue_predecessors(
    store: Store, node_id: int, observe: events.Observer, *, seconds: float
) -> None:
    """End the leases of dead neighbours of this node, and give back their jobs.

    What a database that does not answer leaves undone, the leader does when those leases run out.

    Args: seconds: that this may take; nobody renews the lease of this node meanwhile.
    """
    try:
        await answered(_rescue(store, node_id, observe), "a rescue", seconds)
    except StoreUnavailable as error:
        observe(events.StoreLost("predecessors", str(error)))


async def _rescue(store: Store, node_id: int, observe: events.Observer) -> None:
    gone = [process for process in await store.neighbours(node_id) if is_gone(process)]
    for process in gone:
        await store.leave(process.node_id)
    rescued = bool(gone)
    while rescued:
        rescued = await _rescue_some(store, observe)


async def _rescue_some(store: Store, observe: events.Observer) -> bool:
    """Whether there may be more."""
    rescued = await store.rescue(BATCH)
    if rescued.jobs:
        observe(events.Rescued(rescued.nodes, rescued.jobs, rescued.discarded))
    return rescued.jobs >= BATCH


def is_gone(process: NodeProcess) -> bool:
    """Whether a process that this machine's kernel once ran is no more."""
    return process.pid_started != "" and process_started(process.pid) != process.pid_started
