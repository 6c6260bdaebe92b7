"""The command `scripts/environment EXTRA [ARGUMENTS]`, once a Python that will do was found."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from scripts.provision import environment
from scripts.provision.errors import ProvisionError

_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM
_USAGE = 2
_NAMED = "HEADRACE_PYTHON"


def main(checkout: str, arguments: list[str]) -> int:
    """Print the environment's Python, or become it; the exit status.

    HEADRACE_PYTHON names a Python that has everything already; then nothing is made.
    """
    if not arguments or arguments[0].startswith("-"):
        print("usage: scripts/environment EXTRA [ARGUMENTS]", file=sys.stderr)
        return _USAGE
    extra, *rest = arguments
    signal.signal(signal.SIGTERM, _stop)
    try:
        python = os.environ.get(_NAMED) or environment.ensure(Path(checkout), extra)
    except (ProvisionError, OSError) as error:
        print(f"scripts/environment: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    if rest:
        _become([str(python), *rest], checkout)
    print(python)
    return 0


def _become(command: list[str], checkout: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != _NAMED}
    path = os.pathsep.join([checkout, *filter(None, [os.environ.get("PYTHONPATH")])])
    os.execve(command[0], command, environment | {"PYTHONPATH": path})


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(_TERMINATED)
