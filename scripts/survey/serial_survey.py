"""Runs the same work on one core, without Headrace, in a process of its own, and shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import cast

import trio
from rich.console import Console

from scripts.survey.errors import DemoFailed
from scripts.survey.node import CHECKOUT
from scripts.survey.progress import Progress, Show, showing
from scripts.survey.report import say
from scripts.survey.serial import Serial


async def serial_survey(console: Console, limit: int | None, total: int) -> Serial:
    """The same surveys on one core, now that all others are idle. Raises DemoFailed."""
    say(console, "the same work on one core, without Headrace:")
    arguments = [] if limit is None else [str(limit)]
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "scripts.survey.serial", *arguments],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        process_group=0,
    )
    try:
        with showing(console) as show:
            return await _follow(process, total, show)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def _follow(process: trio.Process, total: int, show: Show) -> Serial:
    """Show each module that it names; what it says at the end. Raises DemoFailed."""
    assert process.stdout is not None
    said = ""
    async for data in process.stdout:
        said += data.decode()
        modules_done = said.split("\n")[:-1][:total]  # what follows them is the sum
        show(Progress(len(modules_done), total, now=modules_done[-1:]))
    if await process.wait() != 0:
        raise DemoFailed(f"the survey on one core ended with status {process.returncode}")
    return cast("Serial", json.loads(said.splitlines()[-1]))
