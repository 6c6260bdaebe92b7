"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path

from runtime.config.cores import usable_cores
from scripts.benches.database import Database

_SYNCS = 30
_PAGE = b"\0" * 8192


def load_average() -> float:
    """Of the last minute; to be asked before the bench adds to it."""
    return os.getloadavg()[0]


def machine_facts(url: str, folder: Path, load: float) -> dict[str, object]:
    """Facts that decide what the figures are worth, for the report."""
    with Database(url) as database:
        server = database.row("server")
    return {
        "cores": usable_cores(),
        "cpu": _cpu(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": server["version"],
        "fsync": server["fsync"],
        "synchronous_commit": server["synchronous_commit"],
        "shared_buffers": server["shared_buffers"],
        "fdatasync_us": round(_fdatasync_us(folder), 1),
        "load_average_at_start": round(load, 2),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _fdatasync_us(folder: Path) -> float:
    """The median time to force a page into a file there, which bounds commits a second."""
    times = []
    with (folder / "fdatasync").open("wb") as file:
        for _ in range(_SYNCS):
            file.seek(0)
            file.write(_PAGE)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return 1e6 * statistics.median(times)
