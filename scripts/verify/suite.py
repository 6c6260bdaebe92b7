"""`scripts/test [ARGUMENTS OF PYTEST]`: the test suite, and without arguments its coverage too.

All that it writes, but Python's own cache, is in a folder of the user's own, so that several users
can share a checkout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from scripts.provision.places import own_folder
from scripts.verify import processes
from scripts.verify.running import CHECKOUT, Stopped, finish, run

# Hypothesis keeps a table of all characters, which takes ten times as long to make while coverage
# is measured, and which else each worker makes for itself.
_WARM = "from hypothesis import find, strategies as st; find(st.text(), lambda _: True)"
# Also where the user has it set for other programs: hundreds of processes are started, each of
# which would compile all of our files again, for a third of a second.
_CACHING = {"PYTHONDONTWRITEBYTECODE": ""}
_PYTEST = ["-m", "pytest", "--override-ini"]


def main() -> int:
    """The exit status."""
    processes.adopt_orphans()
    try:
        return finish(suite(sys.argv[1:]))
    except Stopped as stopped:
        return finish(stopped.status)


def suite(arguments: Sequence[str]) -> int:
    """Run the tests: with arguments those that pytest is told to, else all, and their coverage.

    Raises Stopped, ProvisionError.
    """
    folder = own_folder(CHECKOUT, f".data/test-{os.geteuid()}")
    pytest = [*_PYTEST, f"cache_dir={folder / 'pytest'}", *arguments]
    environment = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"), **_CACHING}
    if arguments:
        return run([sys.executable, *pytest], environment)
    # Three at a time: many tests wait for processes more than they compute. Files stay whole, for
    # what their tests share, in the order of tests/conftest.py: those that take longest first. The
    # seed has all workers agree on the order of sets, and so of tests.
    pytest += ["--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    environment["PYTHONHASHSEED"] = "0"
    run([sys.executable, "-c", _WARM], environment)
    with TemporaryDirectory(prefix="coverage-", dir=folder) as data:
        return _covered(pytest, environment | {"COVERAGE_FILE": f"{data}/data"})


def _covered(pytest: Sequence[str], environment: dict[str, str]) -> int:
    """The tests' status, or else that of the report, which fails below the bar."""
    coverage = [sys.executable, "-m", "coverage"]
    tested = run([*coverage, "run", *pytest], environment)
    combined = run([*coverage, "combine", "--quiet"], environment)
    return tested or combined or run([*coverage, "report"], environment)


if __name__ == "__main__":
    sys.exit(main())
