"""`scripts/simulate [--seeds N] [--from N] [--seed N]`: simulations of whole nodes, one a seed.

Stops at the first seed in which a promise was broken, and tells what happened in it. Exit status: 0
no violation, 1 one.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.simulation.simulation import Report, simulate

_SHOWN = 20  # violations
_EVERY_SECONDS = 10.0  # progress


def main() -> int:
    """The exit status."""
    chosen = _arguments()
    seeds = range(chosen.begin, chosen.begin + chosen.seeds)
    if chosen.seed is not None:
        seeds = range(chosen.seed, chosen.seed + 1)
    figures: Counter[str] = Counter()
    began = said = time.monotonic()
    for seed in seeds:
        report = simulate(seed)
        figures.update(figures_of(report))
        if chosen.trace:
            print("\n".join(report.chronicle.lines))
        if report.violations:
            _tell(report)
            return 1
        if time.monotonic() >= said + _EVERY_SECONDS:
            said = time.monotonic()
            print(f"{seed + 1 - seeds.start} of {len(seeds)} seeds", file=sys.stderr)
    for name, value in [*sorted(figures.items()), ("seconds", round(time.monotonic() - began))]:
        print(f"  {name:<24} {value:>12,}")
    print(f"no violation; the last history is {report.digest()[:16]}")
    return 0


def figures_of(report: Report) -> dict[str, int]:
    """What is worth counting."""
    chronicle = report.chronicle
    faults = Counter(f"faults: {fault.kind}" for fault in chronicle.faults)
    return {
        "seeds": 1,
        "virtual_seconds": round(report.virtual_seconds),
        "jobs": len(report.history.rows),
        "runs": len(chronicle.runs),
        "repeated_runs": len(chronicle.runs) - len({run.job for run in chronicle.runs}),
        "faults": len(chronicle.faults),
        "calls": chronicle.calls,
        "calls_spoiled": chronicle.spoiled,
        **faults,
    }


def _tell(report: Report) -> None:
    print(f"seed {report.seed}: {len(report.violations)} violations\n")
    for line in _relevant(report):
        print(line)
    print()
    for violation in report.violations[:_SHOWN]:
        print(violation)
    print(f"\nall of it: scripts/simulate --seed {report.seed} --trace")


def _relevant(report: Report) -> Iterator[str]:
    """What the faults were, what leases and terms, and what was with the jobs concerned."""
    names = {f"#{violation.job.int & 0xFFFF}" for violation in report.violations if violation.job}
    names |= set(re.findall(r"#\d+", " ".join(violation.text for violation in report.violations)))
    for line in report.chronicle.lines:
        named = set(re.findall(r"#\d+", line))
        if named & names or not named:
            yield line


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate", description="Nodes in a simulated world of faults."
    )
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="so many of them")
    parser.add_argument("--from", type=int, default=0, metavar="N", dest="begin", help="the first")
    parser.add_argument("--seed", type=int, metavar="N", help="this one alone")
    parser.add_argument("--trace", action="store_true", help="tell all that happens")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
