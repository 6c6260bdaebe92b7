"""The guardian's boot.py under coverage: it runs in a bare interpreter, where no hook starts it.

The environment tells where the coverage library and its configuration are.
"""

import os
import runpy
import sys
from pathlib import Path

LIBRARY, CONFIGURATION = "GUARDIAN_COVERAGE_LIBRARY", "GUARDIAN_COVERAGE_CONFIGURATION"

_BOOT = Path(__file__).parents[2] / "runtime" / "embedded" / "guardian" / "boot.py"


def main() -> None:
    sys.path.append(os.environ[LIBRARY])
    import coverage

    measurement = coverage.Coverage(
        config_file=os.environ[CONFIGURATION],
        data_file=os.environ.get("COVERAGE_FILE")
        or str(Path(os.environ[CONFIGURATION]).with_name(".coverage")),
        data_suffix=True,
    )
    measurement.start()
    runpy.run_path(str(_BOOT), run_name="__main__")
    measurement.stop()
    measurement.save()


if __name__ == "__main__":
    main()
