"""Whether the jobs that wait have somebody who runs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.store.protocol import NodeRow, QueueInfo, Store
from runtime.cli.checks.finding import Finding, advise, ok

# With nodes that serve the queue, a job waits this long only if they are full, or lack its kind.
LONG_WAIT_SECONDS = 600.0


async def check_work(store: Store) -> list[Finding]:
    """Look at queues and nodes."""
    return list(_judge(await store.queues(), await store.nodes()))


def _judge(queues: Sequence[QueueInfo], nodes: Sequence[NodeRow]) -> Iterator[Finding]:
    living = [node for node in nodes if node.live]
    served = {queue for node in living for queue in node.queues}
    if living:
        yield ok("nodes", f"{len(living)} alive, serving {', '.join(sorted(served))}")
    else:
        yield advise("nodes", "none is alive", "start one: python -m runtime serve APP")
    for queue in queues:
        yield from _judge_queue(queue, served)


def _judge_queue(queue: QueueInfo, served: set[str]) -> Iterator[Finding]:
    subject = f"queue {queue.name}"
    if queue.paused_at is not None:
        text = f"paused since {queue.paused_at:%Y-%m-%d %H:%M}Z; {queue.available} jobs wait"
        yield advise(subject, text, f"python -m runtime queue resume {queue.name}")
    elif queue.available and queue.name not in served:
        text = f"{queue.available} jobs wait, but no living node serves it"
        yield advise(subject, text, f"python -m runtime serve APP --queues {queue.name}")
    elif (queue.oldest_age_seconds or 0) > LONG_WAIT_SECONDS:
        text = f"a job has waited for {queue.oldest_age_seconds:.0f} s; {queue.available} wait"
        advice = "add nodes; or no app that is served has a handler of its kind"
        yield advise(subject, text, advice)
