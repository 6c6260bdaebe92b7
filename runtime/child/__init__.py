"""What runs in the fork server and in a node's children. Imports neither trio nor asyncpg.

In reading order:

    launch      the node starts its fork server            (called by actors.forkserver)
    orders      what node and fork server say to each other
    server      the fork server: imports the app, forks, reaps, kills
    birth       a new process becomes a child: signals, limits, its parent's death
    live        the child's life, from birth to exit
    copies      what becomes of forks that a handler makes of its own process
    inbox       what its Worker has sent: runs and interrupts
    sync_loop   one run after the other, in the main thread
    async_loop  many runs at once, for `async def` handlers
    batch_run   one call of a batch handler, in either loop
    ring        where the signal that comes with an interrupt may raise
    ending      how a run ended: value or exception to outcome
    context     what a handler may know of its job, and tell; notebook and capture: how it tells
    page        shared memory that tells which run was begun, and takes runs back

`current` is what a handler may ask: the job that it runs for.
"""

from runtime.child.context import JobContext, current

__all__ = ["JobContext", "current"]
