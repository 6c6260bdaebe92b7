"""Reads `postmaster.pid`, and tells a living server of this directory from a leftover.

PostgreSQL itself removes lock files whose process is gone. Two cases it can't decide, and refuses:
the pid belongs to a zombie (process 1 reaps late, or never, as in many containers), or was given to
a stranger (a container that began again). We know better on Linux: a postmaster's working directory
is its data directory. PostgreSQL still protects itself after the files are removed, by the shared
memory that backends hold.
"""

import os
import sys
from pathlib import Path

from runtime.embedded.guardian.plan import PORT

READY = "ready"
_STATUS_LINE = 7
"""Zero-based. Source: PostgreSQL, src/include/utils/pidfile.h."""


def pid_of(pgdata: Path) -> int | None:
    """The pid in the pid file, if there is one."""
    lines = _lines(pgdata)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def status_of(pgdata: Path, pid: int) -> str:
    """What that postmaster says about itself: `starting`, `ready`, ..., or nothing yet."""
    lines = _lines(pgdata)
    if len(lines) <= _STATUS_LINE or lines[0] != str(pid):
        return ""
    return lines[_STATUS_LINE].strip()


def lives(pid: int, pgdata: Path) -> bool:
    """Whether the process is a living postmaster of this directory; unsure means yes."""
    if sys.platform != "linux":
        return _exists(pid)
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX" and os.path.samefile(f"/proc/{pid}/cwd", pgdata)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return _exists(pid)


def remove(pgdata: Path, socket_dir: Path) -> None:
    """Remove the lock files of a server that doesn't live."""
    for lock in (pgdata / "postmaster.pid", socket_dir / f".s.PGSQL.{PORT}.lock"):
        lock.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lines(pgdata: Path) -> list[str]:
    try:
        return (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
