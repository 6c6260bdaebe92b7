"""What a driver is: it knows one library, and does two things with a caller's connection of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

Rows = Sequence[Sequence[Any]]


class SyncDriver(ABC):
    """Speaks through a sync connection. `placeholder` stands for a statement's one parameter."""

    placeholder: str

    @abstractmethod
    def fetch(self, statement: str, parameter: str) -> Rows:
        """Run a statement and return all of its rows."""

    @abstractmethod
    def bracket(self) -> AbstractContextManager[object]:
        """A part of the caller's transaction that is undone alone if it raises.

        Where the caller is in none, a transaction. Raises: UsageError, where it cannot be had.
        """


class AsyncDriver(ABC):
    """Speaks through an asyncio connection; else as SyncDriver."""

    placeholder: str

    @abstractmethod
    async def fetch(self, statement: str, parameter: str) -> Rows:
        """Run a statement and return all of its rows."""

    @abstractmethod
    def bracket(self) -> AbstractAsyncContextManager[object]:
        """As `SyncDriver.bracket`."""
