"""Life: what a running child is given, and its only tie to its supervisor.

A child calls `started()` once its start is complete and leaves when it is `stopping`:

    async def acker(life: Life) -> None:
        async with open_pool() as pool:
            life.started()
            with life.stop_scope():
                await acknowledge_for_ever(pool)
"""

from collections.abc import Callable
from types import TracebackType

import trio


def _nobody_asks() -> None:
    """The default of `on_started`: nobody waits for the start to be complete."""


class Life:
    """One incarnation's view of being supervised.

    Args:
        name: path from the root of the tree, such as "node/work/acker".
        on_started: called at the first `started()`.

    To run an actor without a supervisor, in a test for instance, make a Life and, when it is to
    leave, call `ask_to_stop()`.
    """

    def __init__(self, name: str, *, on_started: Callable[[], None] = _nobody_asks) -> None:
        self.name = name
        self._on_started = on_started
        self._started = False
        self._stopping = trio.Event()
        self._scopes: set[trio.CancelScope] = set()

    def __repr__(self) -> str:
        return f"<Life of {self.name}{' (stopping)' if self.stopping else ''}>"

    def started(self) -> None:
        """Say that the start is complete: the next sibling may start. Idempotent."""
        if not self._started:
            self._started = True
            self._on_started()

    @property
    def stopping(self) -> bool:
        """Whether the supervisor asked this child to leave. Never reverts."""
        return self._stopping.is_set()

    async def wait_stopping(self) -> None:
        """Wait until the supervisor asks this child to leave."""
        await self._stopping.wait()

    def stop_scope(self) -> "StopScope":
        """A cancel scope whose body is cancelled once `stopping` is set, or at once if it is.

        For children with nothing to drain, and for any wait that a stop should end.
        `with life.stop_scope() as scope` gives the trio.CancelScope.
        """
        return StopScope(self, self._scopes)

    def ask_to_stop(self) -> None:
        """The supervisor's side: set `stopping` and cancel the bodies of open stop scopes."""
        self._stopping.set()
        for scope in self._scopes:
            scope.cancel()


class StopScope:
    """What `Life.stop_scope()` returns: for use in one `with`.

    A class, not a generator, so that type checkers see that `__exit__` may end a cancellation.
    """

    def __init__(self, life: Life, open_scopes: set[trio.CancelScope]) -> None:
        self._life = life
        self._open_scopes = open_scopes
        self._scope = trio.CancelScope()

    def __enter__(self) -> trio.CancelScope:
        self._open_scopes.add(self._scope)
        if self._life.stopping:
            self._scope.cancel()
        return self._scope.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._open_scopes.discard(self._scope)
        return self._scope.__exit__(kind, error, traceback)
