"""A subcommand for each bench or campaign, explained by the docstring of its module."""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Any


def add_command(commands: Any, name: str, module: ModuleType) -> argparse.ArgumentParser:
    """The parser of one, with --json and the module's own flags."""
    text = module.__doc__ or ""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text.partition("\n")[0].partition(": ")[2],
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    module.options(parser)
    return parser
