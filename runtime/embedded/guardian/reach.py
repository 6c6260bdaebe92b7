"""Makes everything reachable for the plain user of the identity `setuid`.

Binaries that it can't run (a virtual environment below /root) are copied to a world-readable cache
in the temporary folder. Of the directories only our own data directory is opened, for passing
through; where one above it is closed to that user, the error says so.
"""

import hashlib
import os
import shutil
from pathlib import Path

from runtime.embedded.guardian.cluster import ClusterError
from runtime.embedded.guardian.identity import Identity, works
from runtime.embedded.guardian.plan import Plan

_EVERYBODY_READS = 0o444
_EVERYBODY_ENTERS = 0o111


def prepare(plan: Plan, who: Identity) -> Plan:
    """The plan, with binaries that `who` can run. Raises ClusterError for what stays closed."""
    if not _runs(plan.bin_dir, who):
        plan = plan._replace(bin_dir=str(_copy(Path(plan.bin_dir), Path(plan.socket_dir).parent)))
    os.chmod(plan.root, 0o711)
    if not _runs(plan.bin_dir, who):
        raise _closed(f"PostgreSQL's programs in {plan.bin_dir}", who)
    if not works(who, lambda: os.access(plan.root, os.X_OK)):
        raise _closed(f"the data directory {plan.root}", who)
    if not works(who, lambda: os.access(plan.socket_dir, os.W_OK | os.X_OK)):
        raise _closed(f"the directory for sockets {plan.socket_dir} (see TMPDIR)", who)
    return plan


def _runs(bin_dir: str, who: Identity) -> bool:
    return works(who, lambda: os.access(f"{bin_dir}/postgres", os.R_OK | os.X_OK))


def _closed(what: str, who: Identity) -> ClusterError:
    return ClusterError(
        f"PostgreSQL has to run as user {who.uid} here, who can't reach {what}. Name a data "
        "directory outside of private directories (HEADRACE_DATA_DIR, such as /var/lib/headrace), "
        "or run as an ordinary user."
    )


def _copy(bin_dir: Path, temporary: Path) -> Path:
    """The bin directory in a copy of the installation, with the libraries that a wheel put beside.

    Layout as in a wheel: PACKAGE/INSTALLATION/bin and PACKAGE.libs, found by relative run paths.
    """
    installation = bin_dir.parent
    package = installation.parent
    made = (bin_dir / "postgres").stat().st_mtime_ns
    name = hashlib.sha256(f"{installation}:{made}".encode()).hexdigest()[:12]
    cache = temporary / f"headrace-binaries-{name}"
    if not _trusted(cache):
        new = temporary / f"{cache.name}.new-{os.getpid()}"
        shutil.copytree(installation, new / package.name / installation.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, new / libraries.name)
        _open_to_everybody(new)
        new.rename(cache)
    return cache / package.name / installation.name / bin_dir.name


def _trusted(cache: Path) -> bool:
    """Whether a copy is there, made by ourselves and not writable by others."""
    try:
        status = cache.lstat()
    except FileNotFoundError:
        return False
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise ClusterError(f"Remove {cache}, which somebody else has made.")
    return True


def _open_to_everybody(place: Path) -> None:
    for folder, _, files in os.walk(place):
        os.chmod(folder, 0o755)
        for path in (Path(folder, name) for name in files):
            mode = path.lstat().st_mode & 0o755
            runs = _EVERYBODY_ENTERS if mode & 0o100 else 0
            if not path.is_symlink():
                path.chmod(mode | _EVERYBODY_READS | runs)
