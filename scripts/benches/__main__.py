"""`scripts/bench NAME [--json] [--database-url URL] ...`: arguments, signals, exit status.

What goes on is told on stderr, what was found on stdout. The exit status does not depend on goals:
0 measured, 1 could not be, 128 and more: stopped by a signal.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from types import FrameType, ModuleType

from rich.console import Console

from runtime.embedded import EmbeddedPostgresError
from runtime.errors import HeadraceError
from scripts.benches.arguments import add_command
from scripts.benches.errors import BenchFailed
from scripts.benches.machine import load_average, machine_facts
from scripts.benches.progress import Progress
from scripts.benches.report import as_json, show
from scripts.benches.site import open_site

NAMES = (
    "noop",
    "steady",
    "latency",
    "cpu",
    "enqueue",
    "backlog",
    "bloat",
    "kill",
    "cancel",
    "memory",
    "scale",
    "idle",
    "limits",
    "workflow",
)

_EXPECTED = (BenchFailed, EmbeddedPostgresError, HeadraceError, OSError)


def main() -> int:
    """The exit status."""
    load = load_average()
    stopped_by = _obey_signals()
    chosen = _arguments()
    try:
        _bench(_module(chosen.bench), chosen, load)
    except _EXPECTED as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + (stopped_by[0] if stopped_by else signal.SIGINT)
    return 0


def _obey_signals() -> list[int]:
    """Every signal that asks us to end is a KeyboardInterrupt; which one it was is noted."""
    noted: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        noted.append(number)
        signal.raise_signal(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return noted


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"scripts.benches.{name}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure Headrace here.")
    benches = parser.add_subparsers(dest="bench", required=True, metavar="NAME")
    for name in NAMES:
        each = add_command(benches, name, _module(name))
        each.add_argument("--database-url", metavar="URL", help="instead of an embedded database")
    return parser.parse_args()


def _bench(module: ModuleType, chosen: argparse.Namespace, load: float) -> None:
    progress = Progress()
    try:
        with open_site(chosen.database_url, progress) as site:
            machine = machine_facts(site.url, site.folder, load)
            result = module.run(site, chosen)
    finally:
        progress.close()
    if chosen.json:
        print(as_json(chosen.bench, result, machine))
    else:
        show(Console(), chosen.bench, result, machine)


if __name__ == "__main__":
    sys.exit(main())
