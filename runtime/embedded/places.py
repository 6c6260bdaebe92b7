"""Where things are: the data directory, and the directory of the sockets.

The data directory holds `pgdata/`, `server.log`, `start.lock`, `guardian.lock` and, while a server
runs, `guardian.json`. Sockets live in the temporary folder under a short name made from the data
directory's path: the path of a socket is limited to about 100 bytes, and not every file system
takes sockets.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from runtime.embedded.errors import EmbeddedPostgresError
from runtime.embedded.guardian.plan import GUARDIAN_LOCK

_SOCKET_PATH_LIMIT = 103
"""Bytes without the final NUL on macOS; 107 on Linux."""

_LONGEST_SOCKET_NAME = ".s.PGSQL.5432"

_EPHEMERAL = "headrace-ephemeral-"

_STARTING = 60.0
"""Seconds that an ephemeral directory may be without a guardian because it's being started."""


def data_dir(wanted: Path | None) -> Path:
    """The data directory, made if it's missing, private to us, as an absolute path.

    In this order: `wanted`, HEADRACE_DATA_DIR, the XDG data folder, and where the home directory
    can't be written a folder in the temporary folder named by our uid.
    """
    named = wanted or os.environ.get("HEADRACE_DATA_DIR")
    if named:
        return _made(Path(named).expanduser())
    try:
        return _made(_xdg_data_home() / "headrace" / "postgres")
    except (EmbeddedPostgresError, RuntimeError):
        folder = _made(Path(tempfile.gettempdir()) / f"headrace-data-{os.geteuid()}")
    if folder.stat().st_uid != os.geteuid():
        raise _unusable(folder, "somebody else has made it")
    return folder


def ephemeral_dir() -> Path:
    """A fresh data directory in the temporary folder. Removes those that a kill -9 left there."""
    for old in Path(tempfile.gettempdir()).glob(f"{_EPHEMERAL}*"):
        if _abandoned(old):
            shutil.rmtree(socket_dir(old), ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_EPHEMERAL))


def socket_dir(data: Path) -> Path:
    """The directory for the sockets of this data directory: always the same one, and short.

    Without a comma: clients take it for a list of hosts.
    """
    digest = hashlib.sha256(f"{os.geteuid()}:{data.resolve()}".encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"headrace-{digest}"
    path = os.fsencode(folder / _LONGEST_SOCKET_NAME)
    if len(path) > _SOCKET_PATH_LIMIT or b"," in path:
        return Path("/tmp") / folder.name
    return folder


def _xdg_data_home() -> Path:
    named = os.environ.get("XDG_DATA_HOME", "")
    return Path(named) if os.path.isabs(named) else Path.home() / ".local" / "share"


def _abandoned(folder: Path) -> bool:
    """Whether no guardian holds this ephemeral directory of ours, nor is one about to."""
    try:
        status = folder.lstat()
        if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _STARTING:
            return False
        with (folder / GUARDIAN_LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    return True


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error.strerror or "it can't be made") from error
    folder = folder.resolve()
    if (folder / "PG_VERSION").exists():
        raise _unusable(folder, "it is itself a cluster of PostgreSQL; ours lives in its `pgdata`")
    if folder.stat().st_uid != os.geteuid() != 0:
        raise _unusable(folder, "it belongs to another user")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "it can't be written")
    return folder


def _unusable(folder: Path, reason: str) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"The data directory {folder} can't be used: {reason}. "
        "Name another one with HEADRACE_DATA_DIR."
    )
