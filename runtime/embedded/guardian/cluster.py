"""The files of a server: making them with initdb, whole or not at all, and giving their owner.

`pgdata` appears by a rename of a finished directory. Leftovers of an interrupted initdb are removed
by the next guardian, which holds the lock of the data directory.
"""

import contextlib
import locale
import os
import shutil
import signal
import stat
from pathlib import Path

from runtime.embedded.guardian.children import spawn
from runtime.embedded.guardian.identity import Identity
from runtime.embedded.guardian.plan import PGDATA, SUPERUSER, Plan
from runtime.embedded.guardian.users import Users

BUILTIN_LOCALE_SINCE = 17
"""PostgreSQL's own C.UTF-8 (no libc locale involved) came with this major version."""


class ClusterError(Exception):
    """The files of the server can't be made or don't fit; the text says what to do."""


def clean_environment() -> dict[str, str]:
    """Our environment without what would change the meaning of PostgreSQL's command lines."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_")) and name not in {"LANG", "LANGUAGE"}
    }
    return kept | {"TZ": "UTC", "LC_ALL": "C"}


def ensure(plan: Plan, identity: Identity, users: Users) -> Path:
    """The directory of a complete cluster owned by `identity`, made now if it's missing."""
    root = Path(plan.root)
    pgdata = root / PGDATA
    for leftover in root.glob(f"{PGDATA}.new-*"):
        shutil.rmtree(leftover)
    if not pgdata.exists():
        _make(plan, identity, users, root / f"{PGDATA}.new-{os.getpid()}", pgdata)
    _check_version(plan, pgdata)
    give(pgdata, identity)
    return pgdata


def private_directory(place: Path, identity: Identity) -> None:
    """Make a directory for `identity` alone. Raises ClusterError if somebody else owns the name."""
    place.mkdir(mode=0o700, exist_ok=True)
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {os.geteuid(), identity.uid}:
        raise ClusterError(f"Somebody else has made {place}. Remove it, or set TMPDIR.")
    place.chmod(0o700)
    os.chown(place, identity.uid, identity.gid)


def give(place: Path, identity: Identity) -> None:
    """Make `identity` the owner of a directory and all that's in it."""
    status = place.stat()
    if status.st_uid == identity.uid:
        return
    for folder, _, files in os.walk(place):
        os.chown(folder, identity.uid, identity.gid)
        for name in files:
            os.chown(os.path.join(folder, name), identity.uid, identity.gid, follow_symlinks=False)


def _make(plan: Plan, identity: Identity, users: Users, new: Path, pgdata: Path) -> None:
    new.mkdir(mode=0o700)
    give(new, identity)
    child = spawn(_initdb(plan, new), identity, clean_environment(), signal.SIGKILL)
    try:
        while child.running:
            users.watch()
    finally:
        child.signal_group(signal.SIGKILL)
    if child.status != 0:
        shutil.rmtree(new)
        raise ClusterError(f"initdb ended with status {child.status}.")
    new.rename(pgdata)
    _sync(pgdata.parent)


def _initdb(plan: Plan, target: Path) -> list[str]:
    command = [f"{plan.bin_dir}/initdb", "--pgdata", str(target), "--username", SUPERUSER]
    command += ["--auth", "trust", "--encoding", "UTF8", *_locale(int(plan.version.split(".")[0]))]
    durable = not plan.ephemeral and plan.settings.get("fsync", "on") == "on"
    return command if durable else [*command, "--no-sync"]


def _locale(major: int) -> list[str]:
    if major >= BUILTIN_LOCALE_SINCE:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    before = locale.setlocale(locale.LC_CTYPE)
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
        locale.setlocale(locale.LC_CTYPE, before)
        return ["--locale=C.UTF-8"]
    return ["--locale=C"]


def _check_version(plan: Plan, pgdata: Path) -> None:
    found = (pgdata / "PG_VERSION").read_text().strip()
    ours = plan.version.split(".")[0]
    if found != ours:
        raise ClusterError(
            f"The data was made by PostgreSQL {found}, the binaries in {plan.bin_dir} are "
            f"PostgreSQL {ours}. Give binaries of version {found} (HEADRACE_POSTGRES_BIN), "
            f"or another data directory (HEADRACE_DATA_DIR), or move the data with pg_dump."
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
