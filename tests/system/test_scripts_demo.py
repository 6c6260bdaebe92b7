"""`scripts/demo` in small, for real: what it prints, how it ends, and that nothing is left of it.

It runs with this Python, so that nothing is installed, from another directory, into a pipe.
"""

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Self

import pytest

from tests.support.postgres import wait_until

CHECKOUT = Path(__file__).parents[2]
SANDBOX = CHECKOUT / "tests" / "embedded" / "sandbox.py"

MODULES = 12
END_SECONDS = 60


class Demo:
    """A run of the demo, in a process group of its own. All of its processes carry its mark."""

    def __init__(self, data_dir: Path, *inside: str, what: tuple[str, ...] = ()) -> None:
        self.data_dir = data_dir
        self._mark = f"MARK_OF_THE_TEST={uuid.uuid4().hex}"
        name, value = self._mark.split("=")
        self.environment = {
            **os.environ,
            "HEADRACE_PYTHON": sys.executable,
            "PYTHONPATH": str(CHECKOUT),
            name: value,
        }
        command = [str(CHECKOUT / "scripts" / "demo"), *what, "--modules", str(MODULES)]
        self.process = subprocess.Popen(
            [*inside, *command, "--data-dir", str(data_dir)],
            cwd="/",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.printed = ""

    def read_until(self, words: str) -> None:
        """Read on until a line has these words."""
        for line in self._stdout:
            self.printed += line
            if words in line:
                return
        pytest.fail(f"it ended before it said {words!r}:\n{self.printed}")

    def end(self) -> int:
        """Read to the end; the exit status, or -signal."""
        self.printed += self._stdout.read()
        return self.process.wait(timeout=END_SECONDS)

    def processes(self) -> list[str]:
        """Command lines of what still runs of it."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment, words = (
                    (folder / "environ").read_bytes(),
                    (folder / "cmdline").read_bytes(),
                )
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if os.fsencode(self._mark) in environment or os.fsencode(self.data_dir) in words:
                found.append(words.replace(b"\0", b" ").decode())
        return found

    @property
    def _stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._stdout.close()
        wait_until(lambda: not self.processes(), seconds=15)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with Demo(tmp_path / "data") as running:
        yield running


def assert_all_went_well(demo: Demo) -> None:
    assert demo.end() == 0, demo.printed
    told = " ".join(demo.printed.split())
    assert f"jobs completed {MODULES}" in told
    assert "jobs discarded 2" in told
    assert "speed-up" in told
    assert "attempt 1: JobTimeout (SIGKILL)" in told
    assert "attempt 2: ChildDied (SIGSEGV)" in told
    assert re.search(r'app\.py", line \d+ in spin', told)
    assert re.search(r'app\.py", line \d+ in segfaults', told)
    assert "NOT AS IT SHOULD BE" not in told


def commands(demo: Demo) -> list[str]:
    """The lines that it says to go on with."""
    _, _, after = demo.printed.partition("To look further")
    return [line.strip() for line in after.splitlines()[1:]]


def shell(demo: Demo, lines: list[str]) -> subprocess.Popen[str]:
    """A shell that is given these lines."""
    return subprocess.Popen(
        ["bash", "-ec", "\n".join(lines)],
        cwd="/",
        env=demo.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_it_does_the_work_and_its_last_words_can_be_followed(demo: Demo) -> None:
    assert_all_went_well(demo)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", demo.printed)  # plain lines in a pipe
    *lines, serve = commands(demo)
    answer = shell(demo, lines)
    said, _ = answer.communicate(timeout=END_SECONDS)
    assert answer.returncode == 0, said
    assert "segfaults" in said
    assert "Fatal Python error: Segmentation fault" in said
    node = shell(demo, [*lines[:2], f"exec {serve}"])
    assert node.stdout is not None
    assert any("serving" in line for line in node.stdout)
    node.send_signal(signal.SIGINT)
    said, _ = node.communicate(timeout=END_SECONDS)
    assert node.returncode == 0, said
    assert demo.processes() == []


def test_it_shows_a_workflow_that_can_be_looked_at_afterwards(tmp_path: Path) -> None:
    with Demo(tmp_path / "data", what=("workflow",)) as demo:
        assert demo.end() == 0, demo.printed
        assert "NOT AS IT SHOULD BE" not in demo.printed
        told = " ".join(demo.printed.split())
        assert "no second one" in told
        assert "✓ map survey_share" in told
        assert "✓ signal approved" in told
        assert "approved by scripts/demo" in told
        *lines, fork = commands(demo)
        answer = shell(demo, [*lines[:4], fork])
        said, _ = answer.communicate(timeout=END_SECONDS)
        assert answer.returncode == 0, said
        assert '"approved_by": "scripts/demo"' in said
        assert demo.processes() == []


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that any user reaches; pytest's own are private."""
    with TemporaryDirectory(prefix="headrace-demo-") as place:
        Path(place).chmod(0o777)
        yield Path(place)


@pytest.mark.slow  # a database of another user has quicker tests in tests/embedded/test_identity.py
def test_another_user_sees_the_same(open_place: Path) -> None:
    # Where this is root, another user; where that user could not reach this Python, root's
    # files are that user's own.
    with Demo(open_place / "own", sys.executable, str(SANDBOX), "ordinary") as demo:
        assert_all_went_well(demo)
        assert demo.processes() == []


def ctrl_c(demo: Demo) -> None:
    """What a terminal does: SIGINT to the whole process group."""
    os.killpg(demo.process.pid, signal.SIGINT)


def terminate(demo: Demo) -> None:
    demo.process.terminate()


@pytest.mark.parametrize(
    ("stop", "moment", "status"),
    [
        pytest.param(ctrl_c, "PostgreSQL", 130, id="ctrl-c while the node starts"),
        pytest.param(ctrl_c, " completed", 130, id="ctrl-c in the middle of the work"),
        pytest.param(
            *(terminate, "the same work on one core", 143),
            id="sigterm in the comparison",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_it_can_be_stopped_at_any_time(
    demo: Demo, stop: Callable[[Demo], None], moment: str, status: int
) -> None:
    demo.read_until(moment)
    stop(demo)
    assert demo.end() == status, demo.printed
    wait_until(lambda: not demo.processes(), seconds=15)


def test_its_node_ends_with_it_when_it_is_killed(demo: Demo) -> None:
    demo.read_until(" completed")
    demo.process.kill()
    demo.end()
    wait_until(lambda: not demo.processes(), seconds=15)
