"""`scripts/check`: format, lint, types, layers, tests; all of them, also after one has failed."""

from __future__ import annotations

import os
import sys

from scripts.provision.places import own_folder
from scripts.verify import processes
from scripts.verify.running import CHECKOUT, Stopped, finish, run
from scripts.verify.suite import suite

_IMPORT_LINTER = "import sys; from importlinter.cli import lint_imports_command as l; sys.exit(l())"


def main() -> int:
    """The exit status."""
    processes.adopt_orphans()
    failed = []
    try:
        for name, command in _tools().items():
            print(f"\n== {name}", flush=True)
            if run([sys.executable, *command], {}):
                failed.append(name)
        print("\n== tests", flush=True)
        if suite([]):
            failed.append("tests")
    except Stopped as stopped:
        return finish(stopped.status)
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall is well", flush=True)
    return finish(int(bool(failed)))


def _tools() -> dict[str, list[str]]:
    """What each tool is called with; their caches are in a folder of the user's own."""
    cache = own_folder(CHECKOUT, f".data/check-{os.geteuid()}")
    return {
        "format": ["-m", "ruff", "format", "--check", "--cache-dir", str(cache / "ruff"), "."],
        "lint": ["-m", "ruff", "check", "--cache-dir", str(cache / "ruff"), "."],
        "types": ["-m", "mypy", "--cache-dir", str(cache / "mypy")],
        "layers": ["-c", _IMPORT_LINTER, "--cache-dir", str(cache / "import-linter")],
    }


if __name__ == "__main__":
    sys.exit(main())
