"""`scripts/demo [workflow] [--modules N] [--data-dir FOLDER]`: arguments, signals, exit status."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import trio
from rich.console import Console

from runtime.errors import HeadraceError
from scripts.provision.errors import ProvisionError
from scripts.provision.places import own_folder
from scripts.survey.demo import demo
from scripts.survey.errors import DemoFailed
from scripts.survey.node import CHECKOUT, NodeFailed
from scripts.survey.workflow_demo import workflow_demo

_EXPECTED = (DemoFailed, HeadraceError, NodeFailed, ProvisionError, OSError)
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """The exit status: 0 all is well, 1 something is not, 128 and more: stopped by a signal."""
    try:
        return _demo(_arguments())
    except KeyboardInterrupt:
        return 128 + signal.SIGINT  # before the signals were ours, or after


def _demo(arguments: argparse.Namespace) -> int:
    try:
        data_dir = arguments.data_dir or own_folder(CHECKOUT, f".data/demo-{os.geteuid()}")
        show = workflow_demo if arguments.what == "workflow" else demo
        return trio.run(_Run(show, data_dir.resolve(), arguments.modules).main)
    except* _EXPECTED as errors:
        for error in errors.exceptions:
            print(f"scripts/demo: {error}", file=sys.stderr)
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description=(
            "Survey the standard library in jobs, on all cores, with two bad jobs among them; or "
            "in a workflow: mapped over the cores, reduced, approved by a signal, published."
        ),
    )
    parser.add_argument("what", nargs="?", choices=["jobs", "workflow"], default="jobs")
    parser.add_argument("--modules", type=int, metavar="N", help="only so many; default: all")
    parser.add_argument("--data-dir", type=Path, metavar="FOLDER", help="of PostgreSQL")
    return parser.parse_args()


@attrs.define
class _Run:
    """The demo, until its end or a signal."""

    show: Callable[[Console, Path, int | None], Awaitable[int]]
    data_dir: Path
    limit: int | None
    status: int = 1

    async def main(self) -> int:
        """The exit status."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._obey_signals, nursery.cancel_scope)
            self.status = await self.show(Console(), self.data_dir, self.limit)
            nursery.cancel_scope.cancel()
        return self.status

    async def _obey_signals(
        self, scope: trio.CancelScope, task_status: trio.TaskStatus[None]
    ) -> None:
        with trio.open_signal_receiver(*_STOP_SIGNALS) as signals:
            task_status.started()
            async for number in signals:
                self.status = 128 + number
                scope.cancel()


if __name__ == "__main__":
    sys.exit(main())
