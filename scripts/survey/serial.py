"""The same work on one core, without Headrace: one process surveys one module after the other.

Prints a line a module, and then one line of JSON: a Serial.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Literal, TypedDict

from scripts.survey.measure import survey
from scripts.survey.modules import library, modules


class Serial(TypedDict):
    """What it took, and what it came to, to be compared with what the jobs came to."""

    seconds: float
    complexity: int
    compressed: int


TOTALS: tuple[Literal["complexity", "compressed"], ...] = ("complexity", "compressed")


def main(limit: int | None) -> None:
    """Survey them all. The clock runs from the first module to the last, without the imports."""
    root = library()
    chosen = modules(limit)
    totals = dict.fromkeys(TOTALS, 0)
    begun = time.perf_counter()
    for module in chosen:
        found = survey(root, module)
        for name in TOTALS:
            totals[name] += found[name]
        print(module, flush=True)
    print(json.dumps({"seconds": time.perf_counter() - begun, **totals}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
