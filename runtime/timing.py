"""When a schedule fires: by a cron expression in a time zone, or every so often. Pure: no clock.

Rules: times are instants, in UTC, and strictly grow. The expression itself is cronsim's business;
what a time zone does to it is decided here, from the times on the wall that it names:

    a fixed time (no * in second, minute and hour) fires once a day that it names: where the clock
    is set forward over it, at the end of the gap; where it is set back, the first time round
    anything else goes by what the wall shows: left out in a gap, and again when it comes again

What cannot be, or never comes, is one UsageError at its definition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

import msgspec

from runtime.errors import UsageError
from runtime.handler_options import Seconds, seconds_of
from runtime.showing import shown

# Oftener than this is no schedule: one firing takes the database some milliseconds.
LEAST_SECONDS = 0.1
MOST_SECONDS = 100 * 365.25 * 86_400.0
# Missed firings that are made good at most, of one schedule after one gap.
MOST_CATCH_UP = 1_000
CATCH_UP = {"skip": 0, "once": 1, "all": MOST_CATCH_UP}
# cronsim gives up after 50 years without a match; so does the zone's part of it here.
_NEVER = timedelta(days=50 * 366)
_PROBE = datetime(2024, 1, 1, tzinfo=UTC)  # any time will do, to see whether it ever comes
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
# No clock is set back by more than this (Troll in Antarctica: two hours).
_LONGEST_FOLD = timedelta(hours=3)
# How many times are gone through in one look for the latest ones.
_LOOK = 1_000
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """When a schedule fires, and what becomes of firings that were missed. By `cron` or `every`.

    `cron` is set, or `interval_seconds`. `catch_up`: how many missed firings are made good at most,
    the latest ones. `overlap`: whether it fires while the last job of the schedule has not ended.
    Raises: UsageError, if it cannot be or never fires.
    """

    cron: str | None = None
    timezone: str = "UTC"
    interval_seconds: float | None = None
    catch_up: int = 1
    overlap: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.timezone, str):
            raise UsageError(f"a time zone is a name, not {shown(self.timezone)}")
        if (self.cron is None) == (self.interval_seconds is None):
            raise UsageError("a schedule fires by cron or by an interval: give one of them")
        if not 0 <= self.catch_up <= MOST_CATCH_UP:
            raise UsageError(f"catch_up is 0 to {MOST_CATCH_UP:,}, not {shown(self.catch_up)}")
        if self.interval_seconds is not None:
            _check_interval(self.interval_seconds)
        elif self.after(_PROBE) is None:
            raise UsageError(f"cron {self.cron!r} never fires: there is no such time")

    def after(self, moment: datetime) -> datetime | None:
        """The first firing after `moment`; None: there is none within 50 years."""
        return next(self.all_after(moment), None)

    def all_after(self, moment: datetime) -> Iterator[datetime]:
        """All firings after `moment`, in order; an interval counts from `moment`."""
        if self.cron is not None:
            return _cron_times(self.cron, zone(self.timezone), moment.astimezone(UTC))
        return _steps(moment.astimezone(UTC), self._interval)

    def due(
        self, first: datetime, until: datetime, most: int
    ) -> tuple[list[datetime], datetime | None, bool]:
        """The firings from `first`, which is one, to `until`: the latest `most` of them; the first
        one after `until`; and whether some were left out."""
        first, until = first.astimezone(UTC), until.astimezone(UTC)
        if first > until:
            return [], first, False
        if self.interval_seconds is None:
            return self._due_of_cron(first, until, most)
        passed = (until - first) // self._interval
        last = first + passed * self._interval
        count = min(passed + 1, most)
        times = [last - back * self._interval for back in reversed(range(count))]
        return times, last + self._interval, passed + 1 > count

    @property
    def _interval(self) -> timedelta:
        assert self.interval_seconds is not None
        return timedelta(seconds=self.interval_seconds)

    def _due_of_cron(
        self, first: datetime, until: datetime, most: int
    ) -> tuple[list[datetime], datetime | None, bool]:
        """Looks from a time near enough to `until`, which is found by halving."""
        origin = first - _MICROSECOND
        early, late, since = origin, until, origin
        while True:
            past, following = self._look(since, until, most + _LOOK)
            if len(past) == most + _LOOK:
                early = since
            elif len(past) >= most or since == origin:
                return past[-most:], following, since != origin or len(past) > most
            else:
                late = since
            since = early + (late - early) / 2

    def _look(
        self, since: datetime, until: datetime, most: int
    ) -> tuple[list[datetime], datetime | None]:
        """At most so many firings after `since`, to `until`; and the first one after that."""
        past: list[datetime] = []
        for each in self.all_after(since):
            if each > until:
                return past, each
            past.append(each)
            if len(past) == most:
                break
        return past, None


def cron(
    expression: str, *, timezone: str = "UTC", catch_up: int | str = "once", overlap: bool = True
) -> Timing:
    """Fire at the times of a cron expression: minute, hour, day, month, weekday; with seconds first
    if it has six fields. Also ``L``, ``LW``, ``MON#2``, ``@daily`` and the like.

    Args: timezone: a name of the IANA database. catch_up: after a gap "skip" what was missed, make
    the latest one good "once", "all" (1,000 at most), or at most so many. overlap: False leaves a
    firing out while the last job of the schedule has not ended.
    Raises: UsageError: no such expression or zone; or it never fires.
    """
    if not isinstance(expression, str):
        raise UsageError(f"a cron expression is text, not {shown(expression)}")
    return Timing(
        cron=expression.strip(), timezone=timezone, catch_up=_catch_up(catch_up), overlap=overlap
    )


def every(interval: Seconds, *, catch_up: int | str = "once", overlap: bool = True) -> Timing:
    """Fire every so many seconds (or timedelta), for the first time after one interval.

    Args: as of `cron`. Raises: UsageError.
    """
    seconds = seconds_of("every", interval)
    if seconds is None:
        raise UsageError("every takes seconds or a timedelta")
    return Timing(interval_seconds=seconds, catch_up=_catch_up(catch_up), overlap=overlap)


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The time zone of that name. Raises: UsageError."""
    if name in ("UTC", "Etc/UTC"):
        return UTC
    from zoneinfo import ZoneInfo  # children, which import this file, can do without it

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise UsageError(
            f"there is no time zone {shown(name)}; give a name of the IANA database, such as "
            f"Europe/Berlin"
        ) from error


def _catch_up(value: object) -> int:
    if isinstance(value, str) and value in CATCH_UP:
        return CATCH_UP[value]
    if isinstance(value, bool) or not isinstance(value, int):
        words = ", ".join(CATCH_UP)
        raise UsageError(f"catch_up is {words} or a number, not {shown(value)}")
    return value


def _check_interval(seconds: float) -> None:
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise UsageError(
            f"an interval is {LEAST_SECONDS:g} s to {MOST_SECONDS:.0f} s, not {shown(seconds)}"
        )


def _steps(moment: datetime, interval: timedelta) -> Iterator[datetime]:
    while True:
        try:
            moment += interval
        except OverflowError:
            return
        yield moment


def _cron_times(expression: str, at: tzinfo, moment: datetime) -> Iterator[datetime]:
    """Strictly growing instants after `moment`."""
    last = moment
    for each in _instants(expression, at, moment):
        if each > last:
            last = each
            yield each


def _instants(expression: str, at: tzinfo, moment: datetime) -> Iterator[datetime]:
    """Instants from shortly before `moment` on, in order, maybe some of them twice."""
    fixed = _is_fixed(expression)
    again: deque[datetime] = deque()  # of times that the wall shows twice, the second ones
    for wall in _wall_times(expression, _wall_before(moment, at)):
        first, second = (wall.replace(tzinfo=at, fold=fold).astimezone(UTC) for fold in (0, 1))
        while again and again[0] < first:
            yield again.popleft()
        if second < first:  # in a gap, the two offsets are taken the other way round
            if fixed:
                yield _end_of_gap(second, first, at)
            continue
        yield first
        if second > first and not fixed:
            again.append(second)
    yield from again


def _wall_before(moment: datetime, at: tzinfo) -> datetime:
    """What the wall shows at `moment`; near a change, before all that comes again after it."""
    there = moment.astimezone(at)
    offsets = {
        each.astimezone(at).utcoffset()
        for each in (moment - _LONGEST_FOLD, moment, moment + _LONGEST_FOLD)
    }
    wall = there.replace(tzinfo=None, fold=0)
    return wall if len(offsets) == 1 else wall - 2 * _LONGEST_FOLD


def _end_of_gap(before: datetime, after: datetime, at: tzinfo) -> datetime:
    """When the clock was set forward, between these two."""
    offset = after.astimezone(at).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(at).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def _wall_times(expression: str, wall: datetime) -> Iterator[datetime]:
    from cronsim import CronSim, CronSimError

    try:
        times = CronSim(_ALIASES.get(expression.lower(), expression), wall)
    except CronSimError as error:
        raise UsageError(f"cron {shown(expression)} cannot be: {error}") from None
    last = wall.year + _NEVER.days // 366
    try:
        for each in times:
            if each.year > last:
                return
            yield each
    except (OverflowError, ValueError):  # beyond the year 9999
        return


def _is_fixed(expression: str) -> bool:
    fields = _ALIASES.get(expression.lower(), expression).split()
    return not any("*" in field for field in fields[: len(fields) - 3])
