"""`client.schedules`: for sync code, and for asyncio and trio."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from runtime.client.core import Core
from runtime.client.groups import AsyncCall, AsyncGroup, SyncCall, SyncGroup
from runtime.client.schedule_changes import Choose, changed, defined
from runtime.client.schedules import ScheduleWork
from runtime.schedule import Schedule
from runtime.timing import Timing

Found = list[Schedule]
Times = list[datetime]  # in UTC


def _work(core: Core) -> ScheduleWork:
    return ScheduleWork(core.database, core.sealer)


class Schedules(SyncGroup[ScheduleWork]):
    """Add schedules, look at them, change and delete them. `choose`: the client's."""

    def __init__(
        self, call: SyncCall, choose: Choose, work: Callable[[Core], ScheduleWork] = _work
    ) -> None:
        super().__init__(call, work)
        self._choose = choose

    def create(
        self, name: str, timing: Timing, what: Any, /, *args: Any, **kwargs: Any
    ) -> Schedule:
        """Have jobs like this one enqueued at the times of `cron(...)` or `every(...)`.

        `what`: a handler, a handler `with_options`, or the name of a kind; then its args.
        Raises: ScheduleExists; UsageError, ArgsInvalid, UnknownKind, PayloadError: nothing was
        written. After StoreUnavailable it may have been.
        """
        info = defined(self._choose, name, timing, what, args, kwargs)
        return self._call(lambda work: work.create(info))

    def get(self, name: str) -> Schedule:
        """A schedule. Raises: ScheduleNotFound."""
        return self._call(lambda work: work.get(name))

    def list(self, *, limit: int = 1000, after: str | None = None) -> Found:
        """Schedules by name; the next page is after the last one's."""
        return self._call(lambda work: work.list(limit=limit, after=after))

    def update(
        self,
        name: str,
        timing: Timing | None = None,
        what: Any = None,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Schedule:
        """Change its times, or its job with all options, or both. Changed times count from now on.

        Raises: ScheduleNotFound; as `create`.
        """
        changes = changed(self._choose, name, timing, what, args, kwargs)
        return self._call(lambda work: work.update(name, changes))

    def delete(self, name: str) -> None:
        """Delete it; its jobs stay. Raises: ScheduleNotFound.

        One that is defined in code comes back when a node starts: pause it instead.
        """
        self._call(lambda work: work.delete(name))

    def pause(self, name: str) -> Schedule:
        """Have it fire no more, until it is resumed. Raises: ScheduleNotFound."""
        return self._call(lambda work: work.pause(name, True))

    def resume(self, name: str) -> Schedule:
        """Have it fire from now on: what was missed in the pause is not made good.

        Raises: ScheduleNotFound.
        """
        return self._call(lambda work: work.pause(name, False))

    def trigger(self, name: str) -> UUID:
        """Add a job of it now, beside its firings; the job's id. Raises: ScheduleNotFound."""
        return self._call(lambda work: work.trigger(name))

    def next(self, name: str, count: int = 10) -> Times:
        """Its next firings, in UTC, as if it were not paused. Raises: ScheduleNotFound."""
        return self._call(lambda work: work.next(name, count))


class AsyncSchedules(AsyncGroup[ScheduleWork]):
    """As `Schedules`."""

    def __init__(
        self, call: AsyncCall, choose: Choose, work: Callable[[Core], ScheduleWork] = _work
    ) -> None:
        super().__init__(call, work)
        self._choose = choose

    async def create(
        self, name: str, timing: Timing, what: Any, /, *args: Any, **kwargs: Any
    ) -> Schedule:
        """As `Schedules.create`."""
        info = defined(self._choose, name, timing, what, args, kwargs)
        return await self._call(lambda work: work.create(info))

    async def get(self, name: str) -> Schedule:
        """As `Schedules.get`."""
        return await self._call(lambda work: work.get(name))

    async def list(self, *, limit: int = 1000, after: str | None = None) -> Found:
        """As `Schedules.list`."""
        return await self._call(lambda work: work.list(limit=limit, after=after))

    async def update(
        self,
        name: str,
        timing: Timing | None = None,
        what: Any = None,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Schedule:
        """As `Schedules.update`."""
        changes = changed(self._choose, name, timing, what, args, kwargs)
        return await self._call(lambda work: work.update(name, changes))

    async def delete(self, name: str) -> None:
        """As `Schedules.delete`."""
        await self._call(lambda work: work.delete(name))

    async def pause(self, name: str) -> Schedule:
        """As `Schedules.pause`."""
        return await self._call(lambda work: work.pause(name, True))

    async def resume(self, name: str) -> Schedule:
        """As `Schedules.resume`."""
        return await self._call(lambda work: work.pause(name, False))

    async def trigger(self, name: str) -> UUID:
        """As `Schedules.trigger`."""
        return await self._call(lambda work: work.trigger(name))

    async def next(self, name: str, count: int = 10) -> Times:
        """As `Schedules.next`."""
        return await self._call(lambda work: work.next(name, count))
