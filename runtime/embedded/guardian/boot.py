"""Starts the guardian in a bare interpreter: `python -I -S boot.py FD DATA_DIR`.

Registers `runtime` and `runtime.embedded` as empty packages, so that the guardian's modules have
their usual names while nothing of the application is imported.
"""

import sys
from pathlib import Path
from types import ModuleType


def _register_bare_packages() -> None:
    here = Path(__file__).resolve().parent
    for name, place in (("runtime", here.parents[1]), ("runtime.embedded", here.parent)):
        package = ModuleType(name)
        package.__path__ = [str(place)]
        sys.modules[name] = package


if __name__ == "__main__":
    _register_bare_packages()
    from runtime.embedded.guardian.main import main

    main(int(sys.argv[1]))
