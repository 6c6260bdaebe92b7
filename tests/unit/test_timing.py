"""When schedules fire: expressions, time zones that change, gaps, and what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import UsageError, cron, every
from runtime.timing import Timing, zone

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def firings(timing: Timing, after: str, count: int) -> list[str]:
    """On the wall of the timing's zone, with the offset."""
    times = islice(timing.all_after(utc(after)), count)
    return [f"{each.astimezone(zone(timing.timezone)):%d %H:%M%z}" for each in times]


def test_five_fields_and_six_are_understood() -> None:
    assert cron("30 7 * * MON-FRI").after(utc("2026-01-02T07:30:00")) == utc("2026-01-05T07:30:00")
    assert cron("*/20 * * * * *").after(utc("2026-01-02T07:30:00.5")) == utc("2026-01-02T07:30:20")
    assert cron("0 0 L * *").after(utc("2028-02-01T00:00:00")) == utc("2028-02-29T00:00:00")
    assert cron("@daily").after(utc("2026-01-02T07:30:00")) == utc("2026-01-03T00:00:00")


def test_a_time_zone_is_where_the_clock_hangs() -> None:
    assert firings(cron("0 3 * * *", timezone=BERLIN), "2026-01-10T00:00:00", 2) == [
        "10 03:00+0100",
        "11 03:00+0100",
    ]


# In 2026 Berlin's clock is set forward on 29 March at 02:00 and back on 25 October at 03:00, New
# York's on 8 March and 1 November at 02:00; Lord Howe's, by half an hour, forward on 4 October at
# 02:00 and back on 5 April at 02:00.
@pytest.mark.parametrize(
    ("expression", "timezone", "after", "expected"),
    [
        # A fixed time in a gap comes at its end, once; in an hour that comes twice, the first time.
        ("30 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:30+0200"]),
        ("15,45 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:15+0200"]),
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["25 02:30+0200", "26 02:30+0100"]),
        ("0 30 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:30+0200"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["08 03:00-0400", "09 02:30-0400"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["01 01:30-0400", "02 01:30-0500"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-03T00:00", ["04 02:30+1100", "05 02:15+1100"]),
        ("45 1 * * *", LORD_HOWE, "2026-04-04T00:00", ["05 01:45+1100", "06 01:45+1030"]),
        # What goes round the clock goes by what it shows: left out, and twice.
        ("*/30 * * * *", BERLIN, "2026-03-29T00:15", ["29 01:30+0100", "29 03:00+0200"]),
        (
            "*/30 * * * *", BERLIN, "2026-10-24T23:45",
            ["25 02:00+0200", "25 02:30+0200", "25 02:00+0100", "25 02:30+0100", "25 03:00+0100"],
        ),
        ("*/30 * * * *", NEW_YORK, "2026-11-01T05:45", ["01 01:00-0500", "01 01:30-0500"]),
        ("*/15 * * * *", LORD_HOWE, "2026-10-03T15:20", ["04 02:30+1100", "04 02:45+1100"]),
        (
            "*/15 * * * *", LORD_HOWE, "2026-04-04T14:20",
            ["05 01:30+1100", "05 01:45+1100", "05 01:30+1030", "05 01:45+1030", "05 02:00+1030"],
        ),
        # Half an hour's change moves nothing that comes later that day.
        ("*/15 5 * * *", LORD_HOWE, "2026-10-03T12:00", ["04 05:00+1100", "04 05:15+1100"]),
    ],
)  # fmt: skip
def test_the_days_on_which_the_clock_is_set(
    expression: str, timezone: str, after: str, expected: list[str]
) -> None:
    assert firings(cron(expression, timezone=timezone), after, len(expected)) == expected


def test_from_within_the_second_time_round_nothing_of_the_first_comes() -> None:
    timing = cron("30 2 * * *", timezone=BERLIN)
    assert firings(timing, "2026-10-25T01:15:00", 1) == ["26 02:30+0100"]
    every_ten = cron("*/10 * * * *", timezone=BERLIN)
    assert firings(every_ten, "2026-10-25T01:15:00", 1) == ["25 02:20+0100"]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: cron("0 0 31 2 *"), "Bad day-of-month"),
        (lambda: cron("0 0 */20 * 1L"), "never fires"),
        (lambda: cron("*/5 2 * 3 7L", timezone=BERLIN), "never fires"),  # always within the gap
        (lambda: cron("61 * * * *"), "Bad minute"),
        (lambda: cron("* * *"), "Wrong number of fields"),
        (lambda: cron(""), "Wrong number of fields"),
        (lambda: cron("0 3 * * *", timezone="Europe/Nowhere"), "no time zone 'Europe/Nowhere'"),
        (lambda: cron("0 3 * * *", timezone="../etc/passwd"), "no time zone"),
        (lambda: cron("0 3 * * *", timezone=3), "a time zone is a name"),  # type: ignore[arg-type]
        (lambda: cron("0 3 * * *", catch_up="some"), "catch_up is skip, once, all"),
        (lambda: cron("0 3 * * *", catch_up=-1), "catch_up is 0 to 1,000"),
        (lambda: every(-5), "every is -5"),
        (lambda: every(0), "an interval is 0.1 s"),
        (lambda: every(float("nan")), "every is nan"),
        (lambda: every(1e300), "an interval is 0.1 s"),
        (lambda: every("5"), "every is seconds or a timedelta"),  # type: ignore[arg-type]
        (lambda: Timing(), "give one of them"),
    ],
)
def test_what_cannot_be_is_one_error_at_its_definition(make: Any, complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        make()
    assert complaint in str(refused.value)


def test_an_interval_keeps_its_grid_however_late_it_is_looked_at() -> None:
    timing = every(timedelta(seconds=0.3))
    first = utc("2026-01-01T00:00:00.1")

    times, following, missed = timing.due(first, first + timedelta(seconds=0.95), 2)

    assert [(each - first).total_seconds() for each in times] == [0.6, 0.9]
    assert following == first + timedelta(seconds=1.2)
    assert missed


def test_a_gap_of_a_year_is_gone_through_quickly() -> None:
    timing = cron("* * * * 1 *")  # each second of January
    times, following, missed = timing.due(utc("2026-01-01T00:00:00"), utc("2026-12-01T00:00:00"), 3)

    assert times[-1] == utc("2026-01-31T23:59:59")
    assert len(times) == 3
    assert following == utc("2027-01-01T00:00:00")
    assert missed


@settings(max_examples=25, deadline=None)
@given(
    expression=st.sampled_from(
        ["* * * * *", "*/7 * * * *", "30 2 * * *", "0 */5 * * *", "0 0 1 * *", "15 2 * * SUN"]
    ),
    timezone=st.sampled_from(["UTC", BERLIN, LORD_HOWE]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),
    gap=st.timedeltas(timedelta(0), timedelta(days=2)),
    most=st.integers(1, 5),
)
def test_the_latest_of_the_missed_firings_are_those_that_a_patient_reader_finds(
    expression: str, timezone: str, start: datetime, gap: timedelta, most: int
) -> None:
    timing = cron(expression, timezone=timezone)
    first = timing.after(start.replace(tzinfo=UTC))
    assert first is not None
    until = first + gap
    patient = [first]
    for each in timing.all_after(first):
        if each > until:
            break
        patient.append(each)

    times, following, missed = timing.due(first, until, most)

    assert times == patient[-most:]
    assert missed == (len(patient) > most)
    assert following == timing.after(until)
