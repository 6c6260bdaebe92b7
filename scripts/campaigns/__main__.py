"""`scripts/chaos CAMPAIGN [--seed N] [--minutes M] [--json]`: arguments, report, exit status.

What goes on is told on stderr, what was found on stdout. Exit status: 0 no violation, 1 some, or it
could not be carried through.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
from pathlib import Path
from types import ModuleType

from runtime.embedded import EmbeddedPostgresError
from runtime.errors import HeadraceError
from scripts.benches.arguments import add_command
from scripts.benches.errors import BenchFailed
from scripts.benches.progress import Progress
from scripts.campaigns.checker import Violation, check
from scripts.campaigns.errors import CampaignFailed
from scripts.campaigns.figures import figures
from scripts.campaigns.history import History
from scripts.campaigns.site import Site, open_site

NAMES = (
    "kill",
    "postgres",
    "zombie",
    "network",
    "clock",
    "poison",
    "leader",
    "schedule",
    "migrate",
    "deploy",
    "pooler",
    "soak",
    "power",
    "limits",
    "workflow",
)
_SHOWN = 20
_EXPECTED = (CampaignFailed, BenchFailed, EmbeddedPostgresError, HeadraceError, OSError)


def main() -> int:
    """The exit status."""
    chosen = _arguments()
    if chosen.seed is None:
        chosen.seed = random.SystemRandom().randrange(1_000_000)
    try:
        site, history = _campaign(_module(chosen.campaign), chosen)
    except _EXPECTED as error:
        print(f"scripts/chaos: {error} (seed {chosen.seed})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    violations = [*check(history), *site.broken]
    _report(chosen, figures(history, violations) | site.found, violations)
    return 1 if violations else 0


def _campaign(module: ModuleType, chosen: argparse.Namespace) -> tuple[Site, History]:
    progress = Progress()
    try:
        with open_site(chosen.seed, progress, chosen.keep) as site:
            module.run(site, chosen)
            progress.phase("reading the history")
            site.end_nodes()
            return site, site.history()
    finally:
        progress.close()


def _report(
    chosen: argparse.Namespace, found: dict[str, float], violations: list[Violation]
) -> None:
    texts = [str(each) for each in violations]
    if chosen.json:
        answer = {"campaign": chosen.campaign, "seed": chosen.seed, "figures": found}
        print(json.dumps(answer | {"violations": texts}))
        return
    print(f"{chosen.campaign}, seed {chosen.seed}")
    for name, value in found.items():
        print(f"  {name:<20} {value:>10,.3f}" if value % 1 else f"  {name:<20} {value:>10,.0f}")
    print("\n".join(texts[:_SHOWN]) if texts else "no violation")


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"scripts.campaigns.{name}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="Faults, and a checker.")
    campaigns = parser.add_subparsers(dest="campaign", required=True, metavar="CAMPAIGN")
    for name in NAMES:
        each = add_command(campaigns, name, _module(name))
        each.add_argument("--seed", type=int, metavar="N", help="of the dice; default: any")
        each.add_argument("--minutes", type=float, metavar="M", help="for so long")
        each.add_argument("--keep", type=Path, metavar="DIR", help="for the logs and the trace")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
