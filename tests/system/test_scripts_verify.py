"""What stands around the suite: a signal is handed on once, and nothing stays behind unnoticed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgres import gone, wait_until

CHECKOUT = Path(__file__).parents[2]

# Runs a program as `scripts/test` runs pytest: its source is the argument.
RUNNER = """
import sys
from scripts.verify import processes
from scripts.verify.running import Stopped, finish, run

processes._LEAVE_SECONDS = float(sys.argv[2])
processes.adopt_orphans()
try:
    status = run([sys.executable, "-c", sys.argv[1]], {})
except Stopped as stopped:
    status = stopped.status
sys.exit(finish(status))
"""

# Leaves a process behind, whose parent has ended.
LEAVE = """
import subprocess, sys
subprocess.run([sys.executable, "-c", '''
import subprocess, sys
process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep({seconds}) # forgotten"])
print(process.pid, flush=True)
'''])
"""

CLEAN_UP = """
import time
try:
    print("begun", flush=True)
    time.sleep(60)
finally:
    time.sleep(0.3)
    print("cleaned up", flush=True)
"""


def start(program: str, leave_seconds: float = 30) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, program, str(leave_seconds)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_is_left_behind_is_named_and_killed_and_makes_a_failure() -> None:
    process = start(LEAVE.format(seconds=60), leave_seconds=0.2)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"left behind, and killed: {out.strip()}: " in err
    assert "forgotten" in err
    assert gone(int(out))


def test_what_leaves_by_itself_in_time_is_no_failure() -> None:
    process = start(LEAVE.format(seconds=0.1))
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_the_status_of_the_program_is_that_of_all() -> None:
    process = start("raise SystemExit(3)")
    process.communicate(timeout=30)
    assert process.returncode == 3


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_program_clean_up(number: signal.Signals, status: int) -> None:
    process = start(CLEAN_UP)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (status, "cleaned up\n")
    wait_until(lambda: gone(process.pid))
