"""The groups that every client has, each under its name. A new group is one entry in each class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from runtime.client.core import Core
from runtime.client.jobs import JobWork
from runtime.client.jobs_faces import AsyncJobs, Jobs

T = TypeVar("T")


class SyncGroups:
    """The groups of `Client`."""

    @abstractmethod
    def _call(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @property
    def jobs(self) -> Jobs:
        """Look at many jobs, and change many at once."""
        return Jobs(self._call, lambda core: JobWork(core.database, core.sealer))


class AsyncGroups:
    """The groups of `AsyncClient` and `TrioClient`."""

    @abstractmethod
    async def _call_core(self, action: Callable[[Core], Coroutine[Any, Any, T]], /) -> T:
        """Await in the client's loop what is made of its core."""

    @property
    def jobs(self) -> AsyncJobs:
        """Look at many jobs, and change many at once."""
        return AsyncJobs(self._call_core, lambda core: JobWork(core.database, core.sealer))
