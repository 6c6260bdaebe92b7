"""AsyncClient: for asyncio. asyncpg runs in the caller's own loop."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TypeVar

from runtime.app import App
from runtime.client.async_verbs import AsyncVerbs
from runtime.client.thread import Step
from runtime.client.wiring import DEFAULT_POOL_SIZE, wire

T = TypeVar("T")


class AsyncClient(AsyncVerbs):
    """Enqueues jobs and waits for their results, in one asyncio loop, with a pool of its own.

    Use it in an `async with` statement, or await `open` and `close`. It connects when it is first
    used. Its arguments are those of `Client`.
    """

    def __init__(
        self,
        app: App | None = None,
        url: str | None = None,
        *,
        namespace: str | None = None,
        pool_size: int = DEFAULT_POOL_SIZE,
        pooler: bool = False,
    ) -> None:
        super().__init__(wire(app, url, namespace, pool_size, pooler))

    async def open(self) -> None:
        """Make the pool, for the running loop."""
        if self._core is None:
            core = self._wiring.core()
            await core.open()
            self._core = core

    async def close(self) -> None:
        """Close all connections. Whoever still waits gets StoreUnavailable."""
        core, self._core = self._core, None
        if core is not None:
            await core.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, step: Step[T]) -> T:
        return await step()

    async def _call_shielded(self, step: Step[T]) -> T:
        return await step()  # asyncio cancels once; what is awaited afterwards is not cancelled
