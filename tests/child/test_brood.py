"""How the fork server tells the ends of its children from one another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from runtime.child import kernel
from runtime.child.brood import Brood, signal_name
from runtime.child.orders import Exited


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A child that sleeps; reaped by the test."""
    program = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], process_group=0
    )
    yield program
    program.kill()
    program.wait()


def reap(brood: Brood) -> Exited:
    """Wait for one end."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for exited in brood.reap():
            return exited
        time.sleep(0.001)
    raise AssertionError("it did not end")


@pytest.mark.parametrize(("kills", "cause"), [(7, "signal"), (8, "oom")])
def test_a_sigkill_of_the_kernels_own_is_told_by_its_counter(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, kills: int, cause: str
) -> None:
    monkeypatch.setattr(kernel, "oom_kills", lambda: 7)
    brood = Brood()
    brood.add(1, process.pid)
    monkeypatch.setattr(kernel, "oom_kills", lambda: kills)

    process.kill()
    exited = reap(brood)

    assert (exited.token, exited.signal, exited.cause) == (1, "SIGKILL", cause)


def test_a_child_that_was_killed_twice_keeps_its_first_cause(
    process: subprocess.Popen[bytes],
) -> None:
    brood = Brood()
    brood.add(1, process.pid)
    brood.send(1, "kill")
    brood.kill_all("lease")

    assert reap(brood).cause == "kill"
    brood.send(1, "kill")  # too late, and nobody is hit
    brood.kill_all("lease")
    assert list(brood.reap()) == []


def test_signals_have_names() -> None:
    assert signal_name(signal.SIGSEGV) == "SIGSEGV"
    assert signal_name(64 - 1) == "signal 63"


def test_the_kernels_counter_of_kills_is_readable_here() -> None:
    assert kernel.oom_kills() >= 0
    assert kernel.resident_kib() > 1000


def test_a_child_that_had_ended_before_it_was_killed_ended_by_itself(
    process: subprocess.Popen[bytes],
) -> None:
    brood = Brood()
    brood.add(1, process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    brood.send(1, "kill")

    assert reap(brood).cause == "signal"
