"""What the meter says of runs, in this very process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from runtime.child import kernel
from runtime.child.meter import LONG_NS, SHORT_NS, Meter
from runtime.child.page import RunPage, new_page_file


@pytest.fixture
def page() -> Iterator[RunPage]:
    fd = new_page_file()
    made = RunPage(fd)
    os.close(fd)
    yield made
    made.close()


def _burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_cpu_time_is_counted_and_waiting_is_not(page: RunPage) -> None:
    meter = Meter(page)

    meter.begin(1, "kind")
    assert page.cpu_ns_at_begin(1) is not None
    assert page.cpu_ns_at_begin(2) is None
    _burn(0.02)
    time.sleep(0.3)
    cpu_seconds, peak_kib = meter.end("kind", 70_000_000)

    assert 0.02 <= cpu_seconds < 0.2
    assert peak_kib >= kernel.resident_kib() // 2


def test_kinds_of_tiny_runs_are_not_measured_until_one_takes_longer(page: RunPage) -> None:
    meter = Meter(page)
    meter.begin(1, "tiny")
    meter.end("tiny", SHORT_NS - 1)

    meter.begin(2, "tiny")
    assert page.cpu_ns_at_begin(2) is None
    assert meter.end("tiny", 50_000)[0] == 0.00005, "its wall time stands for it"
    meter.begin(3, "other")
    assert page.cpu_ns_at_begin(3) is not None
    meter.begin(4, "tiny")
    meter.end("tiny", SHORT_NS)
    meter.begin(5, "tiny")
    assert page.cpu_ns_at_begin(5) is not None


def test_kinds_with_a_cpu_timeout_are_always_measured(page: RunPage) -> None:
    meter = Meter(page, frozenset({"bounded"}))
    for seq in (1, 2):
        meter.begin(seq, "bounded")
        assert page.cpu_ns_at_begin(seq) is not None
        meter.end("bounded", 10)


def test_the_peak_of_a_long_run_is_its_own(page: RunPage) -> None:
    meter = Meter(page)
    meter.begin(1, "kind")
    large = bytearray(64 * 1024 * 1024)
    _, before = meter.end("kind", LONG_NS)
    del large

    meter.begin(2, "kind")
    _, after = meter.end("kind", LONG_NS)

    assert after <= before
    if kernel.reset_peak():
        assert after < before - 32 * 1024


def test_other_processes_are_read_from_outside() -> None:
    own = os.getpid()
    used, resident = kernel.cpu_ns_of(own), kernel.resident_kib_of(own)
    assert used is not None
    assert abs(used - time.process_time_ns()) < 1_000_000_000
    assert resident is not None
    assert resident > 1_000
    gone = 2**22 + 1  # beyond the largest pid
    assert (kernel.cpu_ns_of(gone), kernel.resident_kib_of(gone)) == (None, None)
